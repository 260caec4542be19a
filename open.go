package aliiot

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/audit"
	"github.com/aliiot/aliiot/internal/clock"
	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/journal"
	"github.com/aliiot/aliiot/internal/outbox"
	"github.com/aliiot/aliiot/transport"
)

// What Open and Report return when the disk or the device says no.
var (
	// ErrClosed: the device has been closed. What waits in its journal goes on with
	// the next Open.
	ErrClosed = actors.ErrStopped
	// ErrOutcomeUnknown: the report may or may not have been kept. Reporting it
	// again may report it twice.
	ErrOutcomeUnknown = actors.ErrOutcomeUnknown
	// ErrForgotten: how the report ended is no longer in memory. `aliiot explain` knows,
	// where Config.Audit is set.
	ErrForgotten = actors.ErrForgotten
	// ErrFull: the lane refuses new reports until some have left.
	ErrFull = outbox.ErrFull
	// ErrNoSpace: the disk is full. It works again, without a restart, when it is not.
	ErrNoSpace = outbox.ErrNoSpace
	// ErrReadOnly: the file system takes no writes. What is stored is delivered.
	ErrReadOnly = outbox.ErrReadOnly
	// ErrBacklog: too much waits for a slow disk. Try again in a moment.
	ErrBacklog = outbox.ErrBacklog
)

// LockedError says which process has the folder open. Wait for it to end, or choose
// another folder.
type LockedError = disk.LockedError

// seams are where the outside world comes in; tests bring their own.
type seams struct {
	fs     disk.FS
	clock  clock.Clock
	dialer transport.Dialer
	folder disk.Info
	unlock func() error

	segment  int64          // of the journal, in bytes; 0: its default
	policy   fsm.ConnPolicy // of the connection; zero: its default
	manager  manager        // nil: none
	watchdog time.Duration
}

// Open opens the device's folder and starts its actors. It never dials, waits
// for no cloud, and needs no free disk space. ctx bounds the opening alone.
//
// Errors: *ConfigError for a bad configuration (ErrVolatile in the chain for a
// folder that cannot keep the promises), *LockedError where another process has
// the folder open, *IdentityError where the folder belongs to another device,
// *FormatError for a journal of a newer version, *RuinError for one of which nothing
// can be believed, and the errors of the file system.
func Open(ctx context.Context, c Config) (*Device, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s, err := openFolder(c)
	if err != nil {
		return nil, err
	}
	s.clock, s.dialer = clock.System(), c.dialer()
	s.manager, s.watchdog = c.managerFromEnv()
	d, err := open(ctx, c, s)
	if err != nil {
		return nil, disk.Join(err, s.unlock())
	}
	return d, nil
}

func openFolder(c Config) (seams, error) {
	fs, err := disk.Make(c.Dir)
	if err != nil {
		return seams{}, &ConfigError{"Dir", err}
	}
	info, err := disk.Inspect(c.Dir)
	if err != nil {
		return seams{}, &ConfigError{"Dir", err}
	}
	if (info.Volatile() || info.Weak()) && !c.AllowVolatile {
		return seams{}, &ConfigError{"Dir", fmt.Errorf("%s is on %s: %w", c.Dir, info.Kind, ErrVolatile)}
	}
	lock, err := disk.Lock(c.Dir)
	if err != nil {
		return seams{}, fmt.Errorf("aliiot: opening %s: %w", c.Dir, err)
	}
	if err := disk.Probe(fs, opProbe); err != nil {
		return seams{}, disk.Join(&ConfigError{"Dir", err}, lock.Release())
	}
	if info.Unsure() {
		c.logger().Warn("the folder's file system may not keep its word", "dir", c.Dir, "kind", info.Kind, "upper", info.Upper)
	}
	return seams{fs: fs, folder: info, unlock: lock.Release}, nil
}

const opProbe disk.Op = "probe"

func open(ctx context.Context, c Config, s seams) (*Device, error) {
	servers, err := c.servers()
	if err != nil {
		return nil, err
	}
	if c.Lanes == nil {
		c.Lanes = actors.DefaultLanes()
	}
	lanes, err := laneClasses(s.fs, c.Lanes)
	if err != nil {
		return nil, err
	}
	device := c.Identity.device()
	reopen := func() (outbox.Store, error) {
		return journal.Open(s.fs, journal.Options{SegmentBytes: s.segment, Identity: device.String(), Rand: s.clock.Rand, Log: c.logger()})
	}
	store, err := reopen()
	if err != nil {
		return nil, fmt.Errorf("aliiot: opening the journal in %s: %w", c.Dir, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, disk.Join(fmt.Errorf("aliiot: opening: %w", err), store.Close())
	}
	d := &Device{notices: newNotices(), cfg: c, folder: s.folder, unlock: s.unlock}
	o := actors.Options{
		Name:   treeName(c),
		Device: device, Store: store, Reopen: reopen, Lanes: lanes,
		Credentials: c.Identity.credentials, Servers: servers, Dialer: s.dialer,
		Confirm: c.Confirm, Limits: c.Limits, ClockWait: c.ClockWait,
		KeepAlive: c.KeepAlive, Silence: c.Silence,
		Policy: s.policy,
		Clock:  s.clock, Log: c.logger(), System: c.System,
		Middleware: c.Middleware, Restart: c.Restart, Notify: d.notices.translate,
		Connects: connectRecord{s.fs, c.logger()},
	}
	if c.RootCAs != nil {
		o.TLS = &tls.Config{RootCAs: c.RootCAs}
	}
	if c.Audit {
		if o.Audit, err = audit.Open(s.fs, audit.Options{}); err != nil {
			return nil, disk.Join(fmt.Errorf("aliiot: opening the audit log: %w", err), store.Close())
		}
	}
	if d.tree, err = actors.Start(o); err != nil {
		return nil, disk.Join(err, store.Close())
	}
	if c.Meter != nil {
		if d.unmeter, err = d.measure(c.Meter); err != nil {
			return nil, disk.Join(fmt.Errorf("aliiot: making the metrics: %w", err), d.tree.Stop(ctx))
		}
	}
	if s.manager != nil {
		d.serve(s.manager, s.watchdog)
	}
	return d, nil
}

const (
	defaultDrain = 5 * time.Second
	// How long the end of the actors, and of a sync that is under way, may take.
	stopTimeout = 10 * time.Second
	// How long a call waits before it asks a tree that is being restarted again.
	restartPause = 100 * time.Millisecond
)

// treeName is the supervisor's: several devices may live in one actor system.
func treeName(c Config) string {
	if c.System == nil {
		return "device"
	}
	d := c.Identity.device()
	return "device-" + d.ProductKey + "." + d.DeviceName
}
