package main

import (
	"fmt"
	"os"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/folder"
	"github.com/aliiot/aliiot/internal/journal"
)

// deviceFolder is a device's folder as a tool sees it: nothing in it is locked,
// made or changed, so a device may live in it meanwhile.
type deviceFolder struct {
	fs    disk.FS
	view  *journal.Viewed
	lanes []string
}

func openFolder(dir string) (*deviceFolder, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	fs, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	view, err := journal.View(fs, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	lanes, err := folder.LaneNames(fs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &deviceFolder{fs, view, lanes}, nil
}

// lane is the name of a class.
func (f *deviceFolder) lane(class uint8) string {
	if int(class) < len(f.lanes) {
		return f.lanes[class]
	}
	return fmt.Sprintf("class-%d", class)
}
