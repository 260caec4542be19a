package aliiot

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/folder"
	"github.com/aliiot/aliiot/internal/outbox"
)

// laneClasses returns the lanes by class: the configured ones, and retired ones
// that may still hold reports. It writes nothing when nothing is new.
func laneClasses(fs disk.FS, lanes []Lane) ([]Lane, error) {
	if err := checkLanes(lanes); err != nil {
		return nil, &ConfigError{"Lanes", err}
	}
	names, err := folder.LaneNames(fs)
	if err != nil {
		return nil, fmt.Errorf("aliiot: %w", err)
	}
	known := len(names)
	for _, l := range lanes {
		if !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	if len(names) > outbox.MaxLanes {
		return nil, &ConfigError{"Lanes", fmt.Errorf("%d names over the life of this journal, it holds %d", len(names), outbox.MaxLanes)}
	}
	if len(names) > known {
		err := folder.SaveLaneNames(fs, names)
		switch {
		case err == nil:
		case disk.IsNoSpace(err) && known > 0: // opening needs no space: the new lanes come with the next opening
			names = names[:known]
		default:
			return nil, fmt.Errorf("aliiot: %w", err)
		}
	}
	classes := make([]Lane, len(names))
	for i, name := range names {
		classes[i] = Lane{Name: name, Policy: actors.Retired}
		if j := slices.IndexFunc(lanes, func(l Lane) bool { return l.Name == name }); j >= 0 {
			classes[i] = lanes[j]
		}
	}
	return classes, nil
}

func checkLanes(lanes []Lane) error {
	if len(lanes) == 0 {
		return errors.New("there are none")
	}
	seen := map[string]bool{}
	for _, l := range lanes {
		switch {
		case l.Name == "" || len(l.Name) > 64:
			return fmt.Errorf("the name %q is not within 1 and 64 bytes", l.Name)
		case seen[l.Name]:
			return fmt.Errorf("%q is declared twice", l.Name)
		case l.Budget <= 0:
			return fmt.Errorf("%q has no budget", l.Name)
		case l.Policy != EvictOldest && l.Policy != RefuseNew && l.Policy != LatestOnly:
			return fmt.Errorf("%q has the unknown policy %q", l.Name, l.Policy)
		case l.TTL < 0:
			return fmt.Errorf("%q has a negative TTL", l.Name)
		}
		seen[l.Name] = true
	}
	if !seen[actors.DefaultLane] {
		return fmt.Errorf("there is no lane %q, where reports go that name none", actors.DefaultLane)
	}
	return nil
}
