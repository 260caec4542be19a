package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// options are the choices of the command line.
type options struct {
	real   bool   // real time
	log    string // NMEA of one's own
	seed   uint64
	dir    string // kept journal
	report string // the end as JSON

	server                               string
	productKey, deviceName, deviceSecret string
	confirm                              string
	drain                                time.Duration
}

// Exit statuses. Interrupted runs end with exitFailed.
const (
	exitOK      = 0 // everything was delivered, and whoever looked agrees
	exitFailed  = 1 // it could not run to its end, or the ledger and the platform disagree
	exitUsage   = 2 // the command line makes no sense
	exitPending = 3 // with --server: something still waits in the journal
)

const usage = `A tracker whose reports survive everything: a recorded GNSS log goes in, reports
reach a platform, and whatever happens in between, the ledger balances.

  go run ./examples/tracker                  some 20 seconds, with an emulator of the
                                             platform and faults of several kinds
  go run ./examples/tracker --real           the same in real time
  go run ./examples/tracker --server mqtts://HOST:PORT --product-key PK
      --device-name DN --device-secret SECRET   a real platform or any other broker,
                                             without any fault of ours

`

const exits = `
Exit status: 0 nothing waits and all agrees, 1 it failed or disagrees, 2 usage,
3 with --server: something is still pending (--dir keeps it for the next run).
`

// errUsage says that the command line makes no sense; the flag package or parse
// has told why.
var errUsage = errors.New("usage")

// parse reads the command line. Its errors are flag.ErrHelp and errUsage.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("tracker", flag.ContinueOnError)
	f.SetOutput(stderr)
	fast := f.Bool("fast", false, "replay the log in some 20 seconds (the default)")
	f.BoolVar(&o.real, "real", false, "replay the log in real time")
	f.StringVar(&o.log, "log", "", "replay the NMEA in `FILE` instead of the recorded logs")
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides when and where the faults strike")
	f.StringVar(&o.dir, "dir", "", "keep the journal in `DIR`, and go on with what it holds")
	f.StringVar(&o.report, "report", "", "write the end as JSON to `FILE` (docs/json.md)")
	f.StringVar(&o.server, "server", "", "connect to `mqtt(s)://host:port` instead of an emulator")
	f.StringVar(&o.productKey, "product-key", "", "the device's product `key`")
	f.StringVar(&o.deviceName, "device-name", "", "the device's `name`")
	f.StringVar(&o.deviceSecret, "device-secret", "", "the device's `secret`")
	f.StringVar(&o.confirm, "confirm", "reply", "`WHO` says what counts as delivered, with --server: the platform's reply, or the broker's puback")
	f.DurationVar(&o.drain, "drain", 15*time.Second, "how long to wait for what is pending at the end, with --server")
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
		fmt.Fprint(stderr, exits)
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if why := o.wrong(*fast, given, f.Args()); why != "" {
		fmt.Fprintf(stderr, "tracker: %s (--help shows the flags)\n", why)
		return o, errUsage
	}
	return o, nil
}

// wrong says what makes no sense, or nothing.
func (o options) wrong(fast bool, given map[string]bool, rest []string) string {
	switch {
	case len(rest) > 0:
		return fmt.Sprintf("%q is no flag", rest[0])
	case fast && o.real:
		return "--fast and --real exclude each other"
	case o.confirm != "reply" && o.confirm != "puback":
		return fmt.Sprintf("--confirm is reply or puback, not %q", o.confirm)
	case o.drain < 0:
		return "--drain is negative"
	}
	if o.server == "" {
		for _, name := range []string{"product-key", "device-name", "device-secret", "confirm", "drain"} {
			if given[name] {
				return "--" + name + " goes with --server"
			}
		}
		return ""
	}
	for _, name := range []string{"product-key", "device-name", "device-secret"} {
		if !given[name] {
			return "--server needs --" + name
		}
	}
	return ""
}

// emulated says that the platform is an emulator of ours, faults included.
func (o options) emulated() bool { return o.server == "" }
