package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aliiot/aliiot/alink"
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
	exitUsage   = 2 // what the command line asks for cannot be had; nothing was run
	exitPending = 3 // with --server: something still waits in the journal
)

const usage = `A tracker whose reports survive everything: a recorded GNSS log goes in, reports
reach a platform, and whatever happens in between, the ledger balances.

  go run ./examples/tracker           some 20 seconds, with an emulator of the
                                      platform and faults of several kinds
  go run ./examples/tracker --real    the same in real time
  go run ./examples/tracker --server mqtts://HOST:PORT
      --product-key PK --device-name DN --device-secret SECRET
                                      a real platform, or any other broker, and
                                      no fault of ours

`

const exits = `
Exit status: 0 nothing waits and all agrees, 1 it failed, was interrupted or
disagrees, 2 what was asked for cannot be had and nothing was run, 3 with
--server: something is still pending (--dir keeps it for the next run).
`

// flagSet declares the flags.
func (o *options) flagSet() (f *flag.FlagSet, fast *bool) {
	f = flag.NewFlagSet("tracker", flag.ContinueOnError)
	f.SetOutput(io.Discard) // parse says it, in one line
	fast = f.Bool("fast", false, "replay the log in some 20 seconds (the default)")
	f.BoolVar(&o.real, "real", false, "replay the log in real time")
	f.StringVar(&o.log, "log", "", "replay the NMEA in `FILE` instead of the recorded logs")
	f.Uint64Var(&o.seed, "seed", 1, "`N` decides when and where the faults strike")
	f.StringVar(&o.dir, "dir", "", "keep the journal in `DIR`, and go on with what it holds")
	f.StringVar(&o.report, "report", "", "write the end as JSON to `FILE` (docs/json.md)")
	f.StringVar(&o.server, "server", "", "connect to `URL` instead of an emulator: mqtt://HOST:PORT is plain, mqtts://HOST:PORT is TLS")
	f.StringVar(&o.productKey, "product-key", "", "the product key (`PK`) of the device")
	f.StringVar(&o.deviceName, "device-name", "", "the name (`DN`) of the device")
	f.StringVar(&o.deviceSecret, "device-secret", "", "the device's `SECRET`")
	f.StringVar(&o.confirm, "confirm", "reply", "with --server, whose word counts as delivered; `WHO` is reply (the platform's) or puback (the broker's)")
	f.DurationVar(&o.drain, "drain", 15*time.Second, "with --server, how `LONG` to wait at the end for what is pending")
	return f, fast
}

// parse reads the command line. Its errors are flag.ErrHelp, when the help has been
// shown, and others of one line each.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	f, fast := o.flagSet()
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		help(stdout, f)
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%s (--help shows the flags)", misread(err))
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if why := o.wrong(*fast, given, f.Args()); why != "" {
		return o, fmt.Errorf("%s (--help shows the flags)", why)
	}
	return o, nil
}

// misread is an error of the flag package with our dashes, and with what a value
// looks like where that needs saying.
func misread(err error) string {
	text := strings.NewReplacer("flag -", "flag --", "defined: -", "defined: --", "argument: -", "argument: --", ": parse error", "").Replace(err.Error())
	switch {
	case strings.HasSuffix(text, " flag --drain"):
		text += ": it is a time such as 15s"
	case strings.HasSuffix(text, " flag --seed"):
		text += ": it is a whole number from 0 on"
	}
	return text
}

// help shows how to use it.
func help(w io.Writer, f *flag.FlagSet) {
	fmt.Fprint(w, usage)
	f.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			text += " (default " + f.DefValue + ")"
		}
		text = strings.ReplaceAll(fold(text, 55), "\n", "\n"+strings.Repeat(" ", 25))
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimRight("--"+f.Name+" "+value, " "), text)
	})
	fmt.Fprint(w, exits)
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
	for _, text := range []struct{ name, value string }{{"server", o.server}, {"dir", o.dir}, {"log", o.log}, {"report", o.report}} {
		if given[text.name] && text.value == "" {
			return "--" + text.name + " is empty"
		}
	}
	if o.server == "" {
		for _, name := range []string{"product-key", "device-name", "device-secret", "confirm", "drain"} {
			if given[name] {
				return "--" + name + " goes with --server"
			}
		}
		return ""
	}
	for _, text := range []struct{ name, value string }{{"product-key", o.productKey}, {"device-name", o.deviceName}, {"device-secret", o.deviceSecret}} {
		if text.value == "" {
			return "--server needs --" + text.name
		}
	}
	if why := wrongServer(o.server); why != "" {
		return why
	}
	var name *alink.NameError
	if errors.As(alink.Device{ProductKey: o.productKey, DeviceName: o.deviceName}.Validate(), &name) {
		return fmt.Sprintf("--%s %q %s", strings.ReplaceAll(name.What, " ", "-"), name.Name, name.Reason)
	}
	return ""
}

// wrongServer says what is wrong with the address of a server, or nothing.
func wrongServer(s string) string {
	bad := func(why string) string {
		return fmt.Sprintf("--server %s: %s; it is mqtt://HOST:PORT (plain) or mqtts://HOST:PORT (TLS)", s, why)
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return bad("it has no scheme")
	}
	if scheme != "mqtt" && scheme != "mqtts" {
		return bad(fmt.Sprintf("the scheme %q is unknown", scheme))
	}
	u, err := url.Parse(s)
	if err != nil {
		return bad(bare(err).Error())
	}
	if u.Hostname() == "" {
		return bad("it names no host")
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n < 1 || n > 65535) {
		return bad(fmt.Sprintf("there is no port %s", u.Port()))
	}
	if strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return bad("more than host and port is in it")
	}
	return ""
}

// emulated says that the platform is an emulator of ours, faults included.
func (o options) emulated() bool { return o.server == "" }
