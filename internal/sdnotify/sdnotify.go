// Package sdnotify speaks to a service manager as sd_notify(3) does: datagrams of
// KEY=value lines to the socket that $NOTIFY_SOCKET names. It holds no descriptor
// between two messages, so a manager that was started anew is found again.
package sdnotify

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// What a service says (sd_notify(3), "Well-known assignments").
const (
	Ready    = "READY=1"    // the service is up
	Stopping = "STOPPING=1" // the service begins to end
	Watchdog = "WATCHDOG=1" // the service is alive: the watchdog's time starts again
)

// Status is a line for who looks at the service. What would end the line is
// replaced by a blank.
func Status(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// ErrAddress says that $NOTIFY_SOCKET is neither an absolute path nor the name of
// an abstract socket. Other kinds (vsock) are for virtual machines.
var ErrAddress = errors.New("it is neither an absolute path nor @name")

// ErrWatchdog says that $WATCHDOG_USEC or $WATCHDOG_PID is no number that a manager sets.
var ErrWatchdog = errors.New("it is no positive number")

// Manager is a service manager that wants to hear from this process.
type Manager struct {
	addr net.UnixAddr
	// Watchdog is how long the service may be silent before the manager ends it;
	// 0 where it has no watchdog for this process.
	Watchdog time.Duration
}

// sendWithin bounds how long a manager that does not read may hold up a message.
const sendWithin = time.Second

// FromEnv finds the manager by the variables that it sets: getenv is os.Getenv,
// pid this process. Without $NOTIFY_SOCKET there is none: nil and no error. A bad
// watchdog leaves a manager without one beside the error.
func FromEnv(getenv func(string) string, pid int) (*Manager, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' || len(name) == 1 {
		return nil, fmt.Errorf("sdnotify: NOTIFY_SOCKET=%q: %w", name, ErrAddress)
	}
	m := &Manager{addr: net.UnixAddr{Net: "unixgram", Name: name}}
	var err error
	m.Watchdog, err = watchdog(getenv, pid)
	return m, err
}

// watchdog is sd_watchdog_enabled(3): a time that another process is meant to keep
// is not ours.
func watchdog(getenv func(string) string, pid int) (time.Duration, error) {
	if whose := getenv("WATCHDOG_PID"); whose != "" {
		n, err := strconv.Atoi(whose)
		if err != nil || n <= 0 {
			return 0, fmt.Errorf("sdnotify: WATCHDOG_PID=%q: %w", whose, ErrWatchdog)
		}
		if n != pid {
			return 0, nil
		}
	}
	text := getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > math.MaxInt64/int64(time.Microsecond) {
		return 0, fmt.Errorf("sdnotify: WATCHDOG_USEC=%q: %w", text, ErrWatchdog)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Send sends one message of several lines. It waits a second at most for a manager
// that does not read.
func (m *Manager) Send(lines ...string) error {
	conn, err := net.DialUnix("unixgram", nil, &m.addr)
	if err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	err = conn.SetWriteDeadline(time.Now().Add(sendWithin))
	if err == nil {
		_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("sdnotify: %w", err)
	}
	return nil
}
