package aliiot

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/transport"
	"github.com/aliiot/aliiot/transport/transporttest"
)

// groups are the faults that strike a simulated device.
var groups = []group{
	{every: 35 * time.Minute, kinds: linkFaults},
	{every: 2 * time.Hour, kinds: platformFaults},
	{every: 4 * time.Hour, kinds: diskFaults},
	{every: 3 * time.Hour, kinds: processFaults},
	{every: 8 * time.Hour, kinds: clockFaults},
}

// link makes the kind of act that injects faults into the link and then cuts what
// is connected, where cut says how.
func link(name string, lo, hi time.Duration, cut *transporttest.Cut, fault func(r *rand.Rand) (params string, f transporttest.Fault)) func(*rand.Rand) act {
	return func(r *rand.Rand) act {
		params, f := fault(r)
		return act{
			lasts: between(r, lo, hi), what: fmt.Sprint(name, " ", params),
			begin: func(s *sim) {
				s.net.Inject(f)
				if cut != nil {
					s.net.CutAll(*cut)
				}
			},
			end: func(s *sim) { s.net.Heal() },
		}
	}
}

func plain(f transporttest.Fault) func(*rand.Rand) (string, transporttest.Fault) {
	return func(*rand.Rand) (string, transporttest.Fault) { return "", f }
}

var fin, rst = transporttest.FIN, transporttest.RST

var linkFaults = []func(*rand.Rand) act{
	link("half-open", 20*time.Second, 3*time.Minute, nil, func(r *rand.Rand) (string, transporttest.Fault) {
		d := transporttest.Direction(1 + r.IntN(3))
		return fmt.Sprint(d), transporttest.HalfOpen(d)
	}),
	link("dial-fails", 20*time.Second, 40*time.Minute, &rst, func(r *rand.Rand) (string, transporttest.Fault) {
		if r.IntN(2) == 0 {
			return "refused", transporttest.DialRefused()
		}
		return "blackhole", transporttest.DialBlackhole()
	}),
	link("cut-after-publish", 10*time.Second, 25*time.Second, nil, func(r *rand.Rand) (string, transporttest.Fault) {
		n, how := 1+r.IntN(4), []transporttest.Cut{fin, rst}[r.IntN(2)]
		return fmt.Sprintf("%d, %d", how, n), transporttest.CutAfterPublish(how, n)
	}),
	link("replay-blackhole", 30*time.Second, 2*time.Minute, &rst, func(r *rand.Rand) (string, transporttest.Fault) {
		n := 1 + r.IntN(20)
		return fmt.Sprint(n), transporttest.ReplayBlackhole(n)
	}),
	link("captive-portal", time.Minute, 10*time.Minute, &fin, plain(transporttest.CaptivePortal())),
	link("tls-bad-cert", time.Minute, 10*time.Minute, &fin, plain(transporttest.TLSBadCert())),
	link("dns-broken", time.Minute, 10*time.Minute, &rst, plain(transporttest.DNSBroken())),
	link("nat-forget", 5*time.Minute, 30*time.Minute, nil, plain(transporttest.NATForget(150*time.Second))),
	link("stall-write", 20*time.Second, 2*time.Minute, nil, plain(transporttest.StallWrite())),
	link("puback-lost", time.Minute, 10*time.Minute, nil, plain(transporttest.PubackLost())),
	link("displaced", time.Minute, 10*time.Minute, nil, plain(transporttest.Displaced(2*time.Second))),
	link("connack-refused", 10*time.Second, 5*time.Minute, &fin, func(r *rand.Rand) (string, transporttest.Fault) {
		code := byte(2 + r.IntN(4))
		return fmt.Sprint(code), transporttest.ConnackRefused(code)
	}),
	func(r *rand.Rand) act { // slow-2g draws as it goes, from a seed of its own
		seed := r.Uint64()
		return act{lasts: between(r, time.Minute, 20*time.Minute), what: "slow-2g steady",
			begin: func(s *sim) { s.net.Inject(transporttest.Slow2G(rand.New(rand.NewPCG(seed, 1)))) },
			end:   func(s *sim) { s.net.Heal() }}
	},
	func(*rand.Rand) act {
		return act{what: "broker-restart", begin: func(s *sim) { s.net.CutAll(fin) }}
	},
	func(r *rand.Rand) act {
		up := r.IntN(2) == 0
		return act{what: fmt.Sprint("address-change hint ", up), begin: func(s *sim) {
			if s.dev != nil {
				s.dev.LinkHint(up)
			}
		}}
	},
}

// platform makes the kind of act in which the platform answers otherwise.
func platform(name string, lo, hi time.Duration, answer func(s *sim, r *rand.Rand, p post) []byte) func(*rand.Rand) act {
	return func(r *rand.Rand) act {
		seed := r.Uint64()
		return act{
			lasts: between(r, lo, hi), what: name,
			begin: func(s *sim) {
				rnd := rand.New(rand.NewPCG(seed, 2))
				s.cloud.set(func(p post) []byte { return answer(s, rnd, p) })
			},
			end: func(s *sim) { s.cloud.set(yes) },
		}
	}
}

var platformFaults = []func(*rand.Rand) act{
	platform("reply-lost 20%", time.Minute, 20*time.Minute, func(_ *sim, r *rand.Rand, p post) []byte {
		if r.IntN(5) == 0 {
			return nil
		}
		return yes(p)
	}),
	platform("reply-late 90s", time.Minute, 10*time.Minute, func(s *sim, r *rand.Rand, p post) []byte {
		if r.IntN(3) == 0 {
			time.AfterFunc(90*time.Second, func() { s.push(p, 200) })
			return nil
		}
		return yes(p)
	}),
	platform("reply-twice", time.Minute, 20*time.Minute, func(s *sim, r *rand.Rand, p post) []byte {
		time.AfterFunc(time.Duration(r.IntN(5000))*time.Millisecond, func() { s.push(p, 200) })
		return yes(p)
	}),
	platform("reply-unknown-id", time.Minute, 20*time.Minute, func(_ *sim, r *rand.Rand, p post) []byte {
		if r.IntN(4) == 0 {
			return alink.AppendReply(nil, alink.Reply{ID: alink.NewID(r.Uint32()), Code: 200, Data: []byte("{}")})
		}
		return yes(p)
	}),
	platform("code-429", time.Minute, 10*time.Minute, func(_ *sim, _ *rand.Rand, p post) []byte { return reply(p, 429) }),
	platform("code-final", time.Minute, 20*time.Minute, func(s *sim, r *rand.Rand, p post) []byte {
		if r.IntN(10) == 0 && p.n == 1 {
			code := []alink.Code{460, 6306}[r.IntN(2)]
			s.declined.Store(p.key, code)
		}
		if code, ok := s.declined.Load(p.key); ok {
			return reply(p, code.(alink.Code))
		}
		return yes(p)
	}),
}

// push sends a reply when its time has come, to whoever is connected then.
func (s *sim) push(p post, code alink.Code) {
	if c := s.net.Client(s.clientID()); c != nil {
		to, _ := p.topic.Reply()
		s.cloud.sent(p, int(code))
		c.Push(to.String(), reply(p, code), 0)
	}
}

// disk makes the kind of act in which the disk fails; lift ends it.
func diskFault(name string, lasts func(*rand.Rand) time.Duration, inject func(s *sim, r *rand.Rand) (lift func())) func(*rand.Rand) act {
	return func(r *rand.Rand) act {
		seed := r.Uint64()
		a := act{what: name, counts: true}
		if lasts != nil {
			a.lasts = lasts(r)
		}
		var lift func()
		a.begin = func(s *sim) { lift = inject(s, rand.New(rand.NewPCG(seed, 3))) }
		a.end = func(*sim) { lift() }
		return a
	}
}

func forUpTo(d time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return between(r, d/10, d) }
}

var diskFaults = []func(*rand.Rand) act{
	diskFault("fsync-fails once", forUpTo(time.Minute), func(s *sim, r *rand.Rand) func() {
		err := []error{syscall.EIO, syscall.ENOSPC}[r.IntN(2)]
		return s.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: err, Skip: r.IntN(4), Drop: r.IntN(2) == 0}).Remove
	}),
	diskFault("fsync-fails-forever", forUpTo(10*time.Minute), func(s *sim, _ *rand.Rand) func() {
		return s.disk.Fault(disktest.Fault{Kind: disktest.Sync, Err: syscall.EIO, Times: disktest.Always}).Remove
	}),
	diskFault("fsync-slow", forUpTo(50*time.Second), func(s *sim, _ *rand.Rand) func() {
		hang := make(chan struct{})
		f := s.disk.Fault(disktest.Fault{Kind: disktest.Sync, Times: disktest.Always, Hang: hang})
		return func() { f.Remove(); close(hang) }
	}),
	diskFault("write-short", forUpTo(time.Minute), func(s *sim, r *rand.Rand) func() {
		return s.disk.Fault(disktest.Fault{Kind: disktest.Write, Err: syscall.ENOSPC, Short: r.Int64N(200), Times: 1 + r.IntN(5)}).Remove
	}),
	diskFault("disk-full", forUpTo(time.Hour), func(s *sim, _ *rand.Rand) func() {
		s.disk.SetCapacity(max(s.disk.Used(), 1))
		return func() { s.disk.SetCapacity(0) }
	}),
	diskFault("read-eio once", forUpTo(10*time.Minute), func(s *sim, r *rand.Rand) func() {
		return s.disk.Fault(disktest.Fault{Kind: disktest.Read, Err: syscall.EIO, Skip: r.IntN(10), Times: 1 + r.IntN(3)}).Remove
	}),
}

var processFaults = []func(*rand.Rand) act{
	func(r *rand.Rand) act {
		down := between(r, time.Millisecond, 10*time.Minute)
		return act{lasts: down, what: "kill-9", begin: (*sim).kill, end: (*sim).start}
	},
	func(r *rand.Rand) act { // dies and comes back at once
		return act{what: "kill-9 short", begin: func(s *sim) { s.kill(); s.start() }}
	},
	func(r *rand.Rand) act {
		level, seed, synced := disktest.Level(r.IntN(4)), r.Uint64(), r.IntN(2) == 0
		return act{lasts: between(r, time.Second, 10*time.Minute), what: fmt.Sprintf("power-cut level %d", level),
			begin: func(s *sim) {
				s.disk.Crash(level, seed)
				s.dead()
				s.clock.NewBoot()
			},
			end: func(s *sim) {
				s.clock.SetWall(s.clock.True())
				if s.clock.SetSynchronised(synced); !synced { // boot-no-clock: its battery is out
					s.clock.SetWall(time.Unix(42, 0))
				}
				s.start()
			}}
	},
	func(r *rand.Rand) act {
		name, n := []string{"outbox", "connection", "dispatch"}[r.IntN(3)], 1+r.IntN(3)
		return act{lasts: time.Minute, what: fmt.Sprintf("panic-actor %s, %d", name, n),
			begin: func(s *sim) { s.bomb.aim(name, n) },
			end:   func(s *sim) { s.bomb.aim("", 0) }}
	},
	func(r *rand.Rand) act { // past the budget: the tree is restarted
		name := []string{"outbox", "connection"}[r.IntN(2)]
		return act{lasts: between(r, time.Minute, 5*time.Minute), what: "panic-storm " + name,
			begin: func(s *sim) { s.bomb.aim(name, 100) },
			end:   func(s *sim) { s.bomb.aim("", 0) }}
	},
	func(r *rand.Rand) act {
		return act{lasts: between(r, time.Second, time.Minute), what: "restart",
			begin: func(s *sim) { s.stop() }, end: (*sim).start}
	},
	func(r *rand.Rand) act {
		return act{lasts: between(r, time.Minute, 30*time.Minute), what: "disconnect",
			begin: func(s *sim) {
				if s.dev != nil {
					_ = s.dev.Disconnect(s.ctx())
				}
			},
			end: func(s *sim) {
				if s.dev != nil {
					s.dev.Connect()
				}
			}}
	},
}

var clockFaults = []func(*rand.Rand) act{
	func(r *rand.Rand) act {
		d := between(r, -20*365*24*time.Hour, 20*365*24*time.Hour)
		return act{what: fmt.Sprint("clock-jump ", d.Truncate(time.Hour)), begin: func(s *sim) {
			s.clock.Jump(d)
			s.clock.SetSynchronised(false) // the kernel forgets its trust when the clock is set
		}}
	},
	func(r *rand.Rand) act {
		d := between(r, time.Minute, 2*time.Hour)
		return act{what: fmt.Sprint("suspend-resume ", d.Truncate(time.Second)), begin: func(s *sim) { s.clock.Suspend(d) }}
	},
	func(r *rand.Rand) act {
		return act{lasts: between(r, time.Minute, 30*time.Minute), what: "ntp silent",
			begin: func(s *sim) { s.cloud.silence(true) }, end: func(s *sim) { s.cloud.silence(false) }}
	},
}

// clientID is the one that the device connects with.
func (s *sim) clientID() string { return s.lastID.Load().(string) }

func (s *sim) noteID(c transport.Connect) { s.lastID.Store(c.ClientID) }
