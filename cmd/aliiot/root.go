package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitNone   = 3
)

// commands are the parts of the tool, one file each.
var commands = []func() *cobra.Command{
	emulatorCommand,
	ledgerCommand,
	journalCommand,
	quarantineCommand,
	explainCommand,
	versionCommand,
}

// usageError is a command line that cannot be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage makes one.
func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := group("aliiot", "The platform on this machine, and a look into a device's folder",
		`aliiot is the toolbox beside a device of the aliiot framework: the platform on
this machine, a look into a device's folder, and what only a person may change
in it.

Exit status: 0 it worked, 1 it failed, 2 the command line is wrong,
3 there is no such report.`)
	root.Version = version()
	root.SetVersionTemplate(versionLine())
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, command := range commands {
		root.AddCommand(command())
	}
	positional(root)
	root.SetHelpCommand(helpCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "aliiot: %s\n", plain(err))
	var wrong *usageError
	if errors.As(err, &wrong) {
		_, _ = fmt.Fprintf(stderr, "See %q.\n", cmd.CommandPath()+" --help")
		return exitUsage
	}
	if errors.Is(err, errNoReport) {
		return exitNone
	}
	return exitFailed
}

// group is a command that only has others below it. Without one of them it shows
// its help; another word is an error.
func group(use, short, long string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(below...)
	return c
}

func unknown(c *cobra.Command, word string) error {
	var names []string
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return fmt.Errorf("unknown command %q for %q; it has: %s", word, c.CommandPath(), strings.Join(names, ", "))
}

// helpCommand is cobra's, but for a command that does not exist, which is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return &usageError{unknown(about, strings.Join(rest, " "))}
			}
			return about.Help()
		},
	}
}

// takes wants these arguments, by their names in Use. One that ends in … may be
// left out or given again; without names it wants none.
func takes(names ...string) cobra.PositionalArgs {
	least := len(names)
	open := least > 0 && strings.HasSuffix(names[least-1], "…")
	if open {
		least--
	}
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s is missing: %s", strings.Join(names[len(args):least], " and "), c.UseLine())
		case len(args) > least && !open:
			return fmt.Errorf("%q is too much: %s", args[least], c.UseLine())
		}
		return nil
	}
}

// positional turns complaints about arguments into usage errors, for c and all
// commands below.
func positional(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err}
			}
			return nil
		}
	}
	for _, below := range c.Commands() {
		positional(below)
	}
}

// plain is an error's text for who has never seen the code: without the names of
// packages, and without saying a thing twice.
func plain(err error) string {
	var out []string
	for _, part := range strings.Split(err.Error(), ": ") {
		if !slices.Contains([]string{"aliiot", "alink", "audit", "emulator", "journal"}, part) && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return strings.Join(out, ": ")
}
