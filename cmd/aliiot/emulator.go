package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

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
property, event, batch, history and pack posts with their replies, custom
topics, NTP. What devices report is counted, and written to --journal.

A product and a device come from the flags; what is not given is made up and
printed. With --fault it misbehaves by name, as the platform and networks do:

` + faultTable() + `
Of these words only its own go with a fault. Every fault may have the others
besides: rate=0.3 (strikes with this probability), times=5 (so often, and ends),
for=2m (so long, and ends), and what it is about: device=pk/dn, topic=FILTER,
contains=TEXT, lane=NAME. A fault with words is one argument: quote it.

Exit status: 0 ended by Ctrl-C or --for, 1 it could not listen or could not
write its journal, 2 the command line is wrong.`,
		Example: `  aliiot emulator
  aliiot emulator --mqtts 127.0.0.1:8883 --ca-out ca.pem --journal arrived.jsonl
  aliiot emulator --fault "reply-lost rate=0.2" \
    --fault "code-final code=6306 contains=sos"`,
		Args: func(cmd *cobra.Command, args []string) error {
			err := takes()(cmd, args)
			if err != nil && len(f.faults) > 0 && strings.Contains(args[0], "=") {
				return fmt.Errorf("%w; a fault with words needs quotes: --fault %q", err, f.faults[len(f.faults)-1]+" "+args[0])
			}
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.o.MQTT, "mqtt", "127.0.0.1:1883", "plain `address`; port 0 is any, \"\" none")
	flags.StringVar(&f.o.MQTTS, "mqtts", "", "TLS `address`, with a CA of its own (default none)")
	flags.StringVar(&f.caOut, "ca-out", "", "`file` to write the CA's certificate to, in PEM")
	flags.StringVar(&f.journal, "journal", "", "`file` to append what was posted to, as JSON lines")
	flags.StringVar(&f.device.ProductKey, "product-key", "", "the device's product")
	flags.StringVar(&f.device.DeviceName, "device-name", "", "the device's name")
	flags.StringVar(&f.secret, "device-secret", "", "the device's secret")
	flags.StringArrayVar(&f.faults, "fault", nil, "a `fault` with its words; may be given again")
	flags.BoolVar(&f.limits, "limits", false, "enforce the platform's rates")
	flags.Uint64Var(&f.o.Seed, "seed", 0, "draws what is left to chance, and the device")
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
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("%s %q: %w", flag, address, err)
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

func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("it is not host:port, such as 127.0.0.1:1883")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("there is no port %s; they go from 0 (any free one) to 65535", port)
	}
	return nil
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
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another emulator? Port 0 is any free one: --mqtt 127.0.0.1:0", err)
	}
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
