package aliiot

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/metric"

	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/transport"
)

// Config is what Open needs. Identity, Server and Dir have no default.
type Config struct {
	// Identity is who the device is.
	Identity Identity
	// Server is where the platform is. A bare host means TLS on port 1883, with
	// "{productKey}." in front unless the host names an instance (….iothub.…).
	// mqtts://host:port (TLS) and mqtt://host:port (plain) are taken as written.
	Server string
	// MoreServers are tried in turn after Server has failed, written like it.
	MoreServers []string
	// Dir is the device's folder: journal, records, lock. It is made if it is
	// not there. One process at a time may have it open.
	Dir string
	// AllowVolatile lets Dir be on a tmpfs (its content ends with the machine)
	// or a FAT file system (a power cut may damage it). For tests and examples.
	AllowVolatile bool

	// Lanes are the classes of reports; nil means DefaultLanes. A lane that is
	// no longer declared is drained and takes nothing new.
	Lanes []Lane
	// Confirm says whose word makes a post confirmed: the platform's reply
	// (default), or the broker's PUBACK for products whose replies are switched
	// off; that is weaker, since a post that the quota drops has one too.
	Confirm Confirm
	// Limits are the platform's; nil means PlatformLimits().
	Limits *Limits
	// ClockWait is how long reports are held, once online, for a trusted clock,
	// before they go without a time. Default 30 s; negative holds nothing.
	ClockWait time.Duration
	// KeepAlive is the MQTT keepalive, 30 s to 20 min. Default 5 min.
	KeepAlive time.Duration
	// Silence bounds how long a post may go unanswered on a link that otherwise
	// seems alive, before the link is given up. Default 15 s beyond what the
	// link's round trips suggest.
	Silence time.Duration
	// DrainTimeout bounds how long Close waits for what is pending while online.
	// Default 5 s; negative does not wait.
	DrainTimeout time.Duration
	// RootCAs verify the server; nil means the system's. The platform's newer
	// ports have a private CA.
	RootCAs *x509.CertPool
	// Audit keeps each report's end in a bounded log beside the journal, for
	// `aliiot explain`. Off by default: it costs some 60 bytes of flash a report.
	Audit bool

	// Systemd tells the service manager, where it has set $NOTIFY_SOCKET, what
	// sd_notify(3) has words for: ready when Open returns (no cloud is waited for), a
	// status line, stopping when Close begins. Where the unit has WatchdogSec=, the
	// watchdog is fed four times in that time, for as long as outbox and connection
	// answer and no call to the disk is under way for half of it; a dead link is no
	// reason not to, nor is a restart that a supervisor has promised, for ten minutes.
	// A stall of WatchdogSec is survived, one of twice that ends the process, and the
	// journal goes on with the next. Three minutes suit flash that collects its
	// garbage. For the one device whose life is the process's. Off by default.
	Systemd bool

	// Logger takes everything that the device and its actors log; nil is silent.
	Logger *slog.Logger
	// Meter makes the metrics, all named aliiot.…; nil makes none.
	Meter metric.Meter
	// System is the actor system to live in; nil makes one. Make it with
	// actors.NewSystem: Open refuses another one on 32-bit platforms, where
	// protoactor panics for half of all names.
	System *actor.ActorSystem
	// Middleware wraps every actor of the tree, inside the guard that answers
	// for panics: for tracing, and for injecting faults.
	Middleware []actor.ReceiverMiddleware
	// Restart bounds how failing actors are restarted.
	Restart actors.RestartPolicy
}

// Errors of a bad configuration, wrapped in *ConfigError.
var (
	// ErrNoSecret: DeviceSecret.Secret is empty.
	ErrNoSecret = errors.New("the device has no secret")
	// ErrMissing: the field has no value, and there is no default.
	ErrMissing = errors.New("it has no value")
	// ErrVolatile: the folder is on a file system that cannot keep the promises. Choose
	// another folder, or set Config.AllowVolatile.
	ErrVolatile = errors.New("the file system keeps nothing over a power cut; AllowVolatile lifts this")
	// ErrForeignSystem: Config.System was not made by actors.NewSystem. Make it so.
	ErrForeignSystem = errors.New("this actor system panics on 32-bit platforms; make it with actors.NewSystem")
)

func (c Config) check() error {
	switch {
	case c.Identity == nil:
		return &ConfigError{"Identity", ErrMissing}
	case c.Server == "":
		return &ConfigError{"Server", ErrMissing}
	case c.Dir == "":
		return &ConfigError{"Dir", ErrMissing}
	case c.KeepAlive != 0 && (c.KeepAlive < 30*time.Second || c.KeepAlive > 20*time.Minute):
		return &ConfigError{"KeepAlive", fmt.Errorf("%v: the platform refuses what is not within 30 s and 20 min", c.KeepAlive)}
	case c.System != nil && !actors.Repaired(c.System):
		return &ConfigError{"System", ErrForeignSystem}
	case c.Silence < 0:
		return &ConfigError{"Silence", errors.New("it is negative")}
	}
	if c.Limits != nil {
		if err := c.Limits.Check(); err != nil {
			return &ConfigError{"Limits", err}
		}
	}
	return c.Identity.check()
}

// servers are the endpoints as scheme://host:port.
func (c Config) servers() ([]string, error) {
	var out []string
	for i, s := range append([]string{c.Server}, c.MoreServers...) {
		field := "Server"
		if i > 0 {
			field = "MoreServers"
		}
		u, err := serverURL(s, c.Identity.device().ProductKey)
		if err != nil {
			return nil, &ConfigError{field, err}
		}
		out = append(out, u)
	}
	return out, nil
}

const defaultPort = "1883"

func serverURL(s, productKey string) (string, error) {
	if !strings.Contains(s, "://") {
		host := s
		if !strings.Contains(host, ".iothub.") && !strings.HasPrefix(host, productKey+".") {
			host = productKey + "." + host
		}
		s = "mqtts://" + host
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", fmt.Errorf("%q: %w", s, err)
	}
	if u.Scheme != "mqtt" && u.Scheme != "mqtts" {
		return "", fmt.Errorf("%q: the scheme is mqtt or mqtts", s)
	}
	if u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.User != nil || u.RawQuery != "" {
		return "", fmt.Errorf("%q: it is scheme://host:port and nothing else", s)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q: there is no port %s", s, port)
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port), nil
}

// logger is silent where the application gave none.
func (c Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.New(slog.DiscardHandler)
}

func (c Config) dialer() transport.Dialer {
	return transport.NewPaho(transport.PahoOptions{Logger: c.logger()})
}
