package aliiot

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/disk"
)

// connectRecord keeps the times of the last connects, so that a process that is
// restarted over and over honours the platform's limit of five a minute too.
// Losing it costs nothing but manners: errors are logged and not returned.
type connectRecord struct {
	fs  disk.FS
	log *slog.Logger
}

const (
	connectsFile         = "connects.json"
	opConnects   disk.Op = "connects"
)

func (r connectRecord) Load() fsm.ConnRecord {
	var c fsm.ConnRecord
	data, err := disk.ReadFile(r.fs, opConnects, connectsFile, 4<<10)
	if err == nil {
		c, err = parseConnects(data)
	}
	if err != nil {
		if !errors.Is(err, disk.ErrNotExist) {
			r.log.Warn("the record of connects cannot be read", "err", err)
		}
		return fsm.ConnRecord{}
	}
	return c
}

func (r connectRecord) Save(c fsm.ConnRecord) error {
	data, err := json.Marshal(c)
	if err == nil {
		err = disk.WriteFile(r.fs, opConnects, connectsFile, data)
	}
	if err != nil {
		r.log.Warn("the record of connects cannot be written", "err", err)
	}
	return err
}

var errNoRecord = errors.New("it is no record of connects")

func parseConnects(data []byte) (fsm.ConnRecord, error) {
	var c fsm.ConnRecord
	var errs error
	ok := alink.Members(data, func(name string, value []byte) {
		switch name {
		case "boot":
			n, err := strconv.ParseUint(string(value), 10, 64)
			c.Boot, errs = n, disk.Join(errs, err)
		case "connects":
			if !alink.Elements(value, func(value []byte) {
				n, err := strconv.ParseInt(string(value), 10, 64)
				c.Connects, errs = append(c.Connects, time.Duration(n)), disk.Join(errs, err)
			}) && string(value) != "null" {
				errs = errNoRecord
			}
		}
	})
	if !ok || errs != nil {
		return fsm.ConnRecord{}, disk.Join(errNoRecord, errs)
	}
	return c, nil
}
