package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// emulatorFlags are what a person may say to it.
type emulatorFlags struct {
	o       emulator.Options
	device  emulator.DeviceSecret
	secret  string
	caOut   string
	journal string
	faults  []string
	limits  bool
	last    time.Duration
	quiet   bool
}

func emulatorCommand() *cobra.Command {
	var f emulatorFlags
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Run the platform on this machine",
		Long: `Runs the platform on this machine until Ctrl-C: credentials, topic rights,
property, event, batch, history and pack posts with their replies, custom topics,
NTP. What devices report is counted, and written to --journal.

A product and a device come from the flags; what is not given is made up and
printed. With --fault it misbehaves by name, as the platform and networks do:

  ` + strings.Join(emulator.FaultNames(), "\n  ") + `

Each may be followed by words: rate=0.3, times=5, for=2m, device=pk/dn,
topic=FILTER, contains=TEXT, lane=NAME, and what belongs to it: delay, copies,
id, shape, code, every.

Exit status: 0 ended by Ctrl-C or --for, 1 it could not listen or could not
write its journal, 2 the command line is wrong.`,
		Example: `  aliiot emulator
  aliiot emulator --mqtts 127.0.0.1:8883 --ca-out ca.pem --journal arrived.jsonl
  aliiot emulator --fault "reply-lost rate=0.2" --fault "code-final code=6306 contains=sos"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.o.MQTT, "mqtt", "127.0.0.1:1883", "`address` of the plain listener; port 0 is any free one, \"\" is none")
	flags.StringVar(&f.o.MQTTS, "mqtts", "", "`address` of the TLS listener, with a CA of its own (default none)")
	flags.StringVar(&f.caOut, "ca-out", "", "`file` to write the CA's certificate to, in PEM")
	flags.StringVar(&f.journal, "journal", "", "`file` to append what was accepted and refused to, as JSON lines")
	flags.StringVar(&f.device.ProductKey, "product-key", "", "the device's product")
	flags.StringVar(&f.device.DeviceName, "device-name", "", "the device's name")
	flags.StringVar(&f.secret, "device-secret", "", "the device's secret")
	flags.StringArrayVar(&f.faults, "fault", nil, "a fault by name, with its words; may be given again")
	flags.BoolVar(&f.limits, "limits", false, "enforce the platform's rates: 30 and 10 messages a second, 5 connects a minute")
	flags.Uint64Var(&f.o.Seed, "seed", 0, "draws what is left to chance; the same seed makes up the same device")
	flags.DurationVar(&f.last, "for", 0, "end after this time (default: at Ctrl-C)")
	flags.BoolVar(&f.quiet, "quiet", false, "do not tell who comes and goes")
	return cmd
}

// check reads what the flags say, before anything is opened.
func (f *emulatorFlags) check() ([]emulator.Fault, error) {
	if f.o.MQTT == "" && f.o.MQTTS == "" {
		return nil, errors.New("without --mqtt and --mqtts nobody can connect")
	}
	if f.caOut != "" && f.o.MQTTS == "" {
		return nil, errors.New("--ca-out needs --mqtts: there is no certificate without TLS")
	}
	for flag, address := range map[string]string{"--mqtt": f.o.MQTT, "--mqtts": f.o.MQTTS} {
		if _, port, err := net.SplitHostPort(address); address != "" && (err != nil || !isPort(port)) {
			return nil, fmt.Errorf("%s %q is not host:port", flag, address)
		}
	}
	if f.last < 0 {
		return nil, fmt.Errorf("--for %v is negative", f.last)
	}
	var faults []emulator.Fault
	for _, text := range f.faults {
		one, err := emulator.ParseFault(text)
		if err != nil {
			return nil, err
		}
		faults = append(faults, one)
	}
	return faults, nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func (f *emulatorFlags) run(ctx context.Context, out io.Writer) (err error) {
	faults, err := f.check()
	if err != nil {
		return &usageError{err}
	}
	f.o.LimitConnects, f.o.LimitPosts = f.limits, f.limits
	f.o.Forget = true // it may run for weeks; the journal remembers
	if !f.quiet {
		f.o.Logger = slog.New(newLines(out))
	}
	if f.journal != "" {
		file, err := os.OpenFile(f.journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("opening the journal: %w", err)
		}
		defer func() {
			err = errors.Join(err, file.Sync(), file.Close())
		}()
		f.o.Journal = file
	}
	cloud, err := emulator.New(f.o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	if err := f.register(cloud); err != nil {
		return &usageError{err}
	}
	if f.caOut != "" {
		if err := os.WriteFile(f.caOut, cloud.CA(), 0o644); err != nil {
			return fmt.Errorf("writing the CA: %w", err)
		}
	}
	for _, one := range faults {
		cloud.Inject(one)
	}
	start := time.Now()
	if err := f.greet(out, cloud); err != nil {
		return err
	}
	var end <-chan time.Time
	if f.last > 0 {
		end = time.After(f.last)
	}
	select {
	case <-ctx.Done():
	case <-end:
	}
	_ = cloud.Close() // the counters are final then; a second Close changes nothing
	s := cloud.Stats()
	if _, err := fmt.Fprintf(out, "\n%s", farewell(time.Since(start), s)); err != nil {
		return err
	}
	if s.JournalErrors > 0 {
		return fmt.Errorf("%d lines could not be written to the journal", s.JournalErrors)
	}
	return nil
}

// register adds the device, and makes up what the flags left open.
func (f *emulatorFlags) register(cloud *emulator.Emulator) error {
	f.device.Secret = alink.Secret(f.secret)
	if f.device.ProductKey == "" || f.device.DeviceName == "" || f.secret == "" {
		made := cloud.NewDevice()
		if f.device.ProductKey == "" {
			f.device.ProductKey = made.ProductKey
		}
		if f.device.DeviceName == "" {
			f.device.DeviceName = made.DeviceName
		}
		if f.secret == "" {
			f.device.Secret = made.Secret
		}
		if f.device.Device != made.Device {
			if err := cloud.Forget(made.Device); err != nil {
				return err
			}
		}
	}
	return cloud.AddDevice(f.device.ProductKey, f.device.DeviceName, string(f.device.Secret))
}

// greet tells how to connect. The secret is printed on purpose: it is the
// emulator's own, and who runs it needs it.
func (f *emulatorFlags) greet(out io.Writer, cloud *emulator.Emulator) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("The platform is on this machine.")
	line("")
	server := cloud.MQTT()
	if server != "" {
		line("  plain          %s", server)
	}
	if tls := cloud.MQTTS(); tls != "" {
		line("  TLS            %s", tls)
		if f.caOut != "" {
			line("  its CA         %s", f.caOut)
		}
		if server == "" {
			server = tls
		}
	}
	line("  product key    %s", f.device.ProductKey)
	line("  device name    %s", f.device.DeviceName)
	line("  device secret  %s", string(f.device.Secret))
	if f.journal != "" {
		line("  journal        %s", f.journal)
	}
	for _, fault := range f.faults {
		line("  fault          %s", fault)
	}
	line("")
	f.invite(line, server)
	line("Ctrl-C ends it.")
	_, err := io.WriteString(out, b.String())
	return err
}

// invite prints the commands that connect a device. Over TLS they work only where
// they are told of the CA, which no system knows.
func (f *emulatorFlags) invite(line func(string, ...any), server string) {
	env := ""
	if strings.HasPrefix(server, "mqtts:") {
		if f.caOut == "" {
			line("No device can verify its certificate: with --ca-out FILE you get its CA.")
			line("")
			return
		}
		ca, err := filepath.Abs(f.caOut)
		if err != nil {
			ca = f.caOut
		}
		env = "SSL_CERT_FILE=" + shellWord(ca) + " "
		if runtime.GOOS == "darwin" { // Go asks the system there
			line("Let this system trust the CA first: %s", ca)
			line("")
			env = ""
		}
	}
	line("A device for it, in another terminal: the smallest one, and the tracker.")
	line("")
	line("  %sALIIOT_SERVER=%s ALIIOT_PRODUCT_KEY=%s \\", env, server, f.device.ProductKey)
	line("    ALIIOT_DEVICE_NAME=%s ALIIOT_DEVICE_SECRET=%s \\", f.device.DeviceName, shellWord(string(f.device.Secret)))
	line("    go run ./examples/minimal")
	line("")
	line("  %sgo run ./examples/tracker --server %s \\", env, server)
	line("    --product-key %s --device-name %s --device-secret %s", f.device.ProductKey, f.device.DeviceName, shellWord(string(f.device.Secret)))
	line("")
}

// shellWord is a text as a shell takes it for one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:@%+,=", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
