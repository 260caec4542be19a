package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/bench/oracle"
	"github.com/aliiot/aliiot/examples/tracker/nmea"
	"github.com/aliiot/aliiot/transport/faultproxy"
)

// driver is the parent process: it feeds the log to the device, lets misfortune
// strike, and writes down what was asked, what was told, and what arrived.
type driver struct {
	o      options
	out    *display
	record record

	cloud  *cloud // nil with --server
	proxy  *faultproxy.Proxy
	setup  setup
	dir    string
	freed  func()    // gives the folder back
	began  time.Time // of the replay
	base   map[string]int64
	late   int64 // called late before this run
	kept   map[string]bool
	hints  hints
	faults []fault // in the order in which they are going to strike

	life   sync.Mutex // over the start and end of the device's process
	atRest atomic.Bool

	mu       sync.Mutex // over what follows
	changed  chan struct{}
	dev      *device
	up       bool // the device's folder is open
	online   bool
	lost     time.Time // when it went offline
	sessions int       // how often it came online
	restarts uint64    // of actors, in this life of the process
	ledger   ledger
	volatile string   // the folder's file system, where it keeps nothing
	fed      int      // epochs
	made     int64    // reports of this run that the device has kept
	turn     int      // of the faults, from 1 on
	done     []string // faults that struck
	broken   error    // what the run cannot go on after

	final  ledger
	found  []oracle.Violation
	judged []string // the oracle's checks that could be made
}

func newDriver(o options, out *display) *driver {
	return &driver{o: o, out: out, changed: make(chan struct{}), base: map[string]int64{}, kept: map[string]bool{}}
}

// start makes ready all that the run needs, up to an open folder. What the command
// line asks for and cannot be had fails here, before anything is shown: *flagError
// and *inUseError. The replay is what is going to be run.
func (d *driver) start(ctx context.Context) (replay, error) {
	r, err := loadReplay(d.o)
	if err != nil {
		return r, err
	}
	if d.o.report != "" {
		if err := checkReport(d.o.report); err != nil {
			return r, err
		}
	}
	if err := d.prepare(); err != nil {
		return r, err
	}
	return r, d.openDevice(ctx, 0)
}

// run does the whole job, up to the last look at the ledger.
func (d *driver) run(ctx context.Context, r replay) error {
	err := d.job(ctx, r)
	if err != nil && ctx.Err() != nil {
		return d.interrupted() // whatever it was that the interruption broke off
	}
	return err
}

func (d *driver) job(ctx context.Context, r replay) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.cloud != nil {
		d.faults = schedule(d.o.seed)
	}
	d.head(r)
	for _, lane := range []string{lanePosition, laneAlarm} {
		d.base[lane] = d.ledgerNow().Lanes[lane].Accepted
	}
	d.late = d.ledgerNow().Late
	if n := d.ledgerNow().Accepted; n > 0 {
		d.out.happened(aboutReports, "the journal remembers %s of earlier runs; %s", count(n, "report"), wait(d.waitingNow()))
	}
	d.connect(ctx)

	d.began = time.Now()
	var struck sync.WaitGroup
	struck.Go(func() { d.misfortune(ctx, r.feed) })
	err := d.feed(ctx, r)
	if err != nil {
		cancel()
	}
	stop := d.out.waiting(0, func() (int, string) {
		return 0, fmt.Sprintf("fault %d of %d is at work; %s", d.turnNow(), len(d.faults), wait(d.waitingNow()))
	})
	struck.Wait()
	stop()
	if err == nil {
		err = d.failure()
	}
	if err != nil {
		return err
	}
	return d.rest(ctx)
}

// prepare makes what the device needs: a folder that nobody else has, and a
// platform where none is given.
func (d *driver) prepare() error {
	d.dir = d.o.dir
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "aliiot-tracker-")
		if err != nil {
			return fmt.Errorf("making a temporary folder (TMPDIR chooses another place): %w", err)
		}
		d.dir = dir
	}
	freed, err := lockFolder(d.dir)
	if err != nil {
		return err
	}
	d.freed = freed
	d.setup = setup{Dir: d.dir, Confirm: aliiot.ConfirmReply}
	limits := aliiot.PlatformLimits()
	if !d.o.emulated() {
		d.setup.ProductKey, d.setup.DeviceName, d.setup.Secret = d.o.productKey, d.o.deviceName, d.o.deviceSecret
		d.setup.Server = d.o.server
		d.hints = hints{quota: limits.RateQoS0, reply: true}
		if d.o.confirm == "puback" {
			d.setup.Confirm = aliiot.ConfirmPuback
			d.hints = hints{quota: limits.RateQoS1}
		}
		return nil
	}
	c, err := startCloud(d.o.seed)
	if err != nil {
		return err
	}
	d.cloud, d.proxy = c, c.proxy
	d.setup.ProductKey, d.setup.DeviceName, d.setup.Secret = emulated.ProductKey, emulated.DeviceName, c.secret
	d.setup.Server = "mqtt://" + c.proxy.Addr()
	d.hints = hints{quota: limits.RateQoS0}
	if !d.o.real {
		// Time is short: a silence is looked at sooner, and a broker of one's own
		// needs no quota.
		d.setup.Silence, d.setup.NoQuota = 1500*time.Millisecond, true
		d.hints.quota = 0
	}
	return nil
}

// cleanUp ends what is still there, and removes a folder that nobody asked to keep.
func (d *driver) cleanUp() {
	d.stopDevice()
	if d.cloud != nil {
		d.cloud.close()
	}
	if d.freed != nil {
		d.freed()
	}
	if d.o.dir == "" && d.dir != "" {
		_ = os.RemoveAll(d.dir) // rubbish in a temporary folder is no failure
	}
}

// feed makes the reports of every epoch when it is due. What comes due while the
// device is dead waits in the receiver, and is made afterwards with its own time.
func (d *driver) feed(ctx context.Context, r replay) error {
	next := map[string]int64{lanePosition: d.base[lanePosition], laneAlarm: d.base[laneAlarm]}
	var w watch
	defer d.out.waiting(len(r.epochs), func() (int, string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.fed, fmt.Sprintf("replaying (%s)", wait(d.ledger.waiting()))
	})()
	for i, e := range r.epochs {
		if !pause(ctx, time.Until(d.began.Add(r.due(e)))) {
			return ctx.Err()
		}
		if err := d.failure(); err != nil {
			return err
		}
		for _, p := range reportsOf(e, r.made(d.began, e), &w) {
			next[p.Lane]++
			p.N = int(next[p.Lane])
			if err := d.report(ctx, p); err != nil {
				return err
			}
			if p.Alarm != nil {
				d.out.happened(aboutEvent, "%s", p.Alarm.says())
			}
		}
		d.progress(i, e, len(r.epochs))
	}
	return nil
}

// worthTelling is from how many epochs on a line is due at each quarter.
const worthTelling = 40

// progress notes how far the replay is, and says so at each quarter.
func (d *driver) progress(i int, e nmea.Epoch, all int) {
	d.change(func() { d.fed = i + 1 })
	switch {
	case i == 0 && !e.Fix:
		d.out.happened(aboutReports, "no fix yet: the receiver starts cold")
	case all >= worthTelling && (i+1)*4/all > i*4/all && i+1 < all:
		d.out.happened(aboutReports, "%d %% of the log; %s made, %s", (i+1)*100/all, count(d.madeNow(), "report"), wait(d.waitingNow()))
	}
}

// attempts is how often a report is tried that the device refuses.
const attempts = 5

// report makes one report, and knows afterwards whether the device has kept it:
// where the answer was lost with the process, its ledger tells.
func (d *driver) report(ctx context.Context, p report) error {
	for n := 1; ; n++ {
		dev, err := d.deviceUp(ctx)
		if err != nil {
			return err
		}
		d.record.started(p)
		got, err := dev.ask(ctx, order{Kind: orderReport, Report: &p})
		var no *refusal
		switch {
		case err == nil:
			d.record.returned(p, oracle.OK, got.Seq, nil)
			d.keep(p)
			return nil
		case errors.As(err, &no) && !no.Unknown:
			d.record.returned(p, oracle.Refused, 0, err)
			if n == attempts {
				return fmt.Errorf("the device refused report %s %d times: %w", p.key(), n, err)
			}
			pause(ctx, time.Second)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if errors.As(err, &no) {
			d.record.returned(p, oracle.Unknown, 0, err)
		}
		kept, err := d.wasKept(ctx, p)
		if err != nil {
			return err
		}
		if kept {
			d.keep(p)
			d.out.happened(aboutReports, "nobody heard whether report %s was kept; the ledger says yes", p.key())
			return nil
		}
		d.out.happened(aboutReports, "nobody heard whether report %s was kept; the ledger says no, so it is made again", p.key())
	}
}

func (d *driver) keep(p report) {
	d.kept[p.key()] = true
	d.change(func() { d.made++ })
}

// wasKept asks the ledger: reports are made one by one, so the count of what a
// lane has accepted is the number of its last report.
func (d *driver) wasKept(ctx context.Context, p report) (bool, error) {
	for {
		dev, err := d.deviceUp(ctx)
		if err != nil {
			return false, err
		}
		got, err := dev.ask(ctx, order{Kind: orderLedger})
		switch {
		case err == nil && got.Ledger != nil:
			return got.Ledger.Lanes[p.Lane].Accepted >= int64(p.N), nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
		pause(ctx, 100*time.Millisecond)
	}
}
