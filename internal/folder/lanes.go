// Package folder knows the small files of a device's folder that both the device
// and the tools beside it read.
package folder

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk"
)

// lanesFile remembers which class of the journal each lane's name stands for:
// the journal knows numbers only, and a configuration may change its order.
const (
	lanesFile         = "lanes.json"
	opLanes   disk.Op = "lanes"
	maxLanes          = 64 << 10 // bytes
)

// LaneNames are the names of the lanes by class; none where no device has written
// them yet. An error says what to do by hand: the journal is unharmed.
func LaneNames(fs disk.FS) ([]string, error) {
	data, err := disk.ReadFile(fs, opLanes, lanesFile, maxLanes)
	if errors.Is(err, disk.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lanes' names: %w", err)
	}
	var names []string
	sound := true
	list := alink.Elements(data, func(value []byte) {
		name, ok := alink.Text(value)
		names, sound = append(names, name), sound && ok
	})
	if !list || !sound {
		return nil, fmt.Errorf("%s is damaged; write the lanes' names in the order of their classes, as a JSON array", lanesFile)
	}
	return names, nil
}

// SaveLaneNames replaces the names, durably.
func SaveLaneNames(fs disk.FS, names []string) error {
	data, err := json.Marshal(names)
	if err == nil {
		err = disk.WriteFile(fs, opLanes, lanesFile, data)
	}
	if err != nil {
		return fmt.Errorf("writing the lanes' names: %w", err)
	}
	return nil
}
