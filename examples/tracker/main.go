// Command tracker is the main job of aliiot: a recorded GNSS log goes in, reports
// reach a platform, and whatever happens in between, the ledger balances.
//
// Without flags it starts the platform's emulator inside the process, replays the
// log in some 20 seconds, cuts the link in several ways, lets an actor panic,
// kills the device's process and starts it again on the same journal. At the end
// it shows the ledger, what the platform received, and whether the two agree.
//
// The parent process (driver.go) holds emulator, fault proxy, record and display;
// the device (child.go) is this program again, so that it can really be killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if os.Getenv(childEnv) != "" {
		runDevice(os.Stdin, os.Stdout)
		return
	}
	// A reader who has seen enough must not end us by SIGPIPE: there is a device's
	// process to end, and a folder to remove. Nor may it count as an interruption:
	// a reset connection raises it too, and we reset some.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { time.AfterFunc(patient, stop) })
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// patient is how long after an interruption the next one ends us at once. Some
// senders, such as timeout(1), send each one twice.
const patient = time.Second

// run is the whole program, and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "tracker: %v\n", err)
		return exitUsage
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	d := newDriver(o, newDisplay(stdout, interrupt))
	defer d.cleanUp()
	r, err := d.start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = &interruptedError{"nothing had begun"}
		}
		fmt.Fprintf(stderr, "tracker: %v\n", err)
		return statusOf(err)
	}
	if err := d.run(ctx, r); err != nil {
		fmt.Fprintf(stderr, "\ntracker: %v\n", err)
		return exitFailed
	}
	return d.finish(stderr)
}

// statusOf is the exit status of a run that did not begin.
func statusOf(err error) int {
	var flag *flagError
	var inUse *inUseError
	if errors.As(err, &flag) || errors.As(err, &inUse) {
		return exitUsage
	}
	return exitFailed
}
