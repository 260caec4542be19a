package emulator

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/aliiot/aliiot/alink"
)

const (
	defaultConnectTimeout = 10 * time.Second
	defaultRecordLimit    = 200_000
	// maxPacket is the largest packet that is read at all. A payload above the
	// platform's limit but below this is refused and logged; above, the connection ends.
	maxPacket = 512 << 10
)

// Emulator is a platform on this machine. All methods are safe for concurrent use.
type Emulator struct {
	o         Options
	log       *slog.Logger
	broker    *mqtt.Server
	authority *authority
	memory    *memListener
	listeners map[string]net.Listener

	done       chan struct{}
	goroutines sync.WaitGroup

	mu        sync.Mutex // guards all below, and is never held while something is sent
	closed    bool
	downUntil time.Time
	conns     map[*conn]struct{}
	devices   map[alink.Device]*device
	silent    map[string]bool // product keys whose replies are switched off
	sessions  int64           // how many there were; numbers the next
	faults    []*Injected
	timers    map[*time.Timer]struct{}
	lot       *rand.Rand
	record    record
	changed   chan struct{} // closed and renewed at each change, when somebody waits
}

// New starts an emulator. The error says which listener could not be opened.
func New(o Options) (*Emulator, error) {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.RecordLimit <= 0 {
		o.RecordLimit = defaultRecordLimit
	}
	e := &Emulator{
		o: o, log: o.Logger,
		listeners: map[string]net.Listener{}, done: make(chan struct{}),
		conns: map[*conn]struct{}{}, devices: map[alink.Device]*device{}, silent: map[string]bool{},
		timers: map[*time.Timer]struct{}{}, lot: rand.New(rand.NewPCG(o.Seed, 0x616c696f74)),
	}
	e.record = record{forget: o.Forget, limit: o.RecordLimit, journal: o.Journal}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for _, d := range o.devices {
		if err := e.AddDevice(d.ProductKey, d.DeviceName, string(d.Secret)); err != nil {
			return nil, err
		}
	}
	// The broker's own logger prints whole packets, secrets included.
	e.broker = mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler), Capabilities: capabilities()})
	if err := e.broker.AddHook(&hook{e: e}, nil); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	// The broker is not served: its loops would only count and expire what is kept
	// here, and its listeners do not watch for a CONNECT that never comes.
	if err := e.listen(o); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClientWritesPending = 16 // what goes out is written by the session
	c.MaximumPacketSize = maxPacket
	return c
}

// Close ends all connections and listeners and waits for them. It may be called
// more than once.
func (e *Emulator) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		e.goroutines.Wait()
		return nil
	}
	e.closed = true
	close(e.done)
	for t := range e.timers {
		if t.Stop() {
			e.goroutines.Done()
		}
	}
	e.timers = nil
	for c := range e.conns {
		c.cut()
	}
	e.signal()
	e.mu.Unlock()
	for _, l := range e.listeners {
		_ = l.Close() // a listener that is closed already is what we want
	}
	e.goroutines.Wait()
	return e.broker.Close()
}

// after calls f in d's time, unless the emulator closes first. The caller holds
// the lock; f runs without it.
func (e *Emulator) after(d time.Duration, f func()) {
	if e.closed {
		return
	}
	e.goroutines.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer e.goroutines.Done()
		e.mu.Lock()
		closed := e.closed
		delete(e.timers, t)
		e.mu.Unlock()
		if !closed {
			f()
		}
	})
	e.timers[t] = struct{}{}
}

// Restart plays a broker that restarts: all sessions are cut and forgotten, kept
// subscriptions and queued messages too, and for down nobody is let in. What the
// platform has stored stays.
func (e *Emulator) Restart(down time.Duration) {
	e.mu.Lock()
	e.downUntil = time.Now().Add(down)
	for _, d := range e.devices {
		if d.session != nil {
			e.end(d.session, "restart")
		}
		d.kept = nil
	}
	for c := range e.conns {
		c.cut()
	}
	e.signal()
	e.mu.Unlock()
	e.log.Info("restart", "down", down)
}
