package aliiot

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/internal/sdnotify"
)

// manager is who wants to hear of the service: *sdnotify.Manager.
type manager interface{ Send(lines ...string) error }

// service tells the service manager how the device is, and feeds its watchdog for as
// long as outbox and connection show life: what Go cannot recover from (a deadlock, a
// call to the disk that never returns) then ends the process from outside.
type service struct {
	dev      *Device
	manager  manager
	watchdog time.Duration // 0: there is none
	log      *slog.Logger

	watch  *actors.Watch
	status string // the last line that was told
	deaf   bool   // the manager could not be told
	silent bool   // somebody shows no life

	stop, ended chan struct{}
}

// statusEvery is how often the status line is looked after where no watchdog asks
// for more.
const statusEvery = 10 * time.Second

// managerFromEnv is the service manager of this process, and how long it lets the
// process be silent; nil where nobody asked for one or there is none. A start fails
// for no fault of the manager's.
func (c Config) managerFromEnv() (manager, time.Duration) {
	if !c.Systemd {
		return nil, 0
	}
	m, err := sdnotify.FromEnv(os.Getenv, os.Getpid())
	if err != nil {
		c.logger().Warn("the service manager's wishes cannot be read", "err", err)
	}
	if m == nil { // not a nil in an interface
		return nil, 0
	}
	return m, m.Watchdog
}

// serve says that the service is ready and begins to look after it.
func (d *Device) serve(m manager, watchdog time.Duration) {
	s := &service{dev: d, manager: m, watchdog: watchdog, log: d.cfg.logger(), watch: d.tree.Watch(),
		stop: make(chan struct{}), ended: make(chan struct{})}
	d.service = s
	s.look(sdnotify.Ready)
	go s.run()
}

func (s *service) run() {
	defer close(s.ended)
	every := statusEvery
	if s.watchdog > 0 {
		every = max(min(every, s.watchdog/4), time.Millisecond)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look()
		case <-s.stop:
			return
		}
	}
}

// look feeds the watchdog if all is well, and tells what has changed. Patience is half
// of the watchdog's time: a stall of all of it is survived, one of twice that is not.
func (s *service) look(lines ...string) {
	patience := s.watchdog / 2
	if s.watchdog == 0 {
		patience = time.Minute
	}
	silent := s.watch.Look(patience)
	status := s.dev.statusLine(s.watch.Pending())
	if len(silent) == 0 && s.watchdog > 0 {
		lines = append(lines, sdnotify.Watchdog)
	}
	for i, a := range silent {
		text := fmt.Sprintf("%s shows no life", a.Actor)
		if a.OnDisk {
			text = "a call to the disk does not return"
		}
		if i == 0 {
			status = text + " since " + a.Since.UTC().Format(time.RFC3339)
		}
		if !s.silent {
			s.log.Error(text+": the watchdog is not fed", "actor", a.Actor, "for", time.Since(a.Since))
		}
	}
	s.silent = len(silent) > 0
	if status != s.status {
		s.status = status
		lines = append(lines, sdnotify.Status(status))
	}
	if len(lines) > 0 {
		s.tell(lines...)
	}
}

func (s *service) tell(lines ...string) {
	err := s.manager.Send(lines...)
	if err != nil && !s.deaf {
		s.log.Warn("the service manager cannot be told", "err", err)
	}
	if err != nil {
		s.status = "" // told again
	}
	s.deaf = err != nil
}

// stopping says that the end begins. The watchdog is fed on while what is pending drains.
func (s *service) stopping() {
	if err := s.manager.Send(sdnotify.Stopping); err != nil {
		s.log.Warn("the service manager cannot be told that the device stops", "err", err)
	}
}

// end stops the looking after; the manager's patience with what is left to do begins
// with it.
func (s *service) end() {
	close(s.stop)
	<-s.ended
	s.look()
}

// statusLine is the device in one line, for who looks at the service.
func (d *Device) statusLine(pending uint64) string {
	st := d.Status()
	line := fmt.Sprintf("%s, %d reports pending", st.Link.State, pending)
	if st.Link.State != actors.StateOnline && st.Link.Err != nil {
		line += "; the link: " + st.Link.Err.Error()
	}
	if st.Disk != nil {
		line += "; the disk: " + st.Disk.Error()
	}
	return line
}
