package main

import (
	"context"
	"errors"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/transport"
)

// slowWait is what a sync takes more on a slow medium (eMMC, SD, NAND).
const slowWait = 2 * time.Millisecond

// slowFS is a disk whose syncs take longer.
type slowFS struct{ disk.FS }

func (s slowFS) Create(op disk.Op, name string) (disk.File, error) {
	f, err := s.FS.Create(op, name)
	return slowFile{f}, err
}

func (s slowFS) Open(op disk.Op, name string) (disk.File, error) {
	f, err := s.FS.Open(op, name)
	return slowFile{f}, err
}

type slowFile struct{ disk.File }

func (f slowFile) Sync(op disk.Op) error {
	err := f.File.Sync(op)
	time.Sleep(slowWait)
	return err
}

// slowRound is one caller through the actors where a sync takes 2 ms more.
func slowRound(dir string, s measure.Scale) (got map[string]measure.Round, err error) {
	fs, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	store, err := openJournal(slowFS{fs})
	if err != nil {
		return nil, err
	}
	tree, err := actors.Start(actors.Options{
		Device: drain.Device, Store: store.j, Servers: []string{nobody},
		Lanes:       []actors.Lane{{Name: actors.DefaultLane, Budget: plenty, Policy: actors.EvictOldest}},
		Dialer:      transport.NewPaho(transport.PahoOptions{}),
		Credentials: func(bool) (alink.Credentials, error) { return alink.Credentials{}, nil },
		Clock:       clock.System(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Stop(context.Background())) }()
	p, err := reportOf(256)
	if err != nil {
		return nil, err
	}
	bare, err := measure.L0(dir, 256)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	bare.Wait = slowWait
	once := func(int) error {
		a, err := actors.NewAppend(p)
		if err != nil {
			return err
		}
		reply := make(chan actors.Appended, 1)
		a.Reply = reply
		tree.Send("outbox", a)
		return (<-reply).Err
	}
	return beside(s, "D1/face-slow", bare.Slice(1), measure.Callers(1, once))
}
