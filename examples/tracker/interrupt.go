package main

import (
	"context"
	"fmt"
	"time"
)

// interruptedError says that somebody broke the run off, and what becomes of the
// reports that still waited.
type interruptedError struct{ fate string }

func (e *interruptedError) Error() string { return "interrupted: " + e.fate }

// goodbyeWithin bounds the closing of a folder after an interruption.
const goodbyeWithin = 5 * time.Second

// interrupted closes the folder in order, if it is open, and tells what waits.
func (d *driver) interrupted() error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	d.atRest.Store(true)
	d.mu.Lock()
	dev, up, waiting := d.dev, d.up, d.ledger.waiting()
	d.mu.Unlock()
	if up {
		if got, err := dev.close(ctx); err == nil && got.Ledger != nil {
			waiting = got.Ledger.waiting()
		}
	}
	return &interruptedError{d.fate(waiting)}
}

func (d *driver) fate(waiting int64) string {
	switch {
	case d.o.dir == "" && waiting == 0:
		return "nothing waited, and the temporary folder is removed"
	case d.o.dir == "":
		return fmt.Sprintf("the temporary folder is removed, and with it %s that waited (--dir DIR keeps them)", count(waiting, "report"))
	case waiting == 0:
		return "nothing waits in " + d.dir
	}
	return fmt.Sprintf("%s in %s, for the next run on it", wait(waiting), d.dir)
}
