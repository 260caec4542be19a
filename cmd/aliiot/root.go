package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands are the parts of the tool, one file each.
var commands = []func() *cobra.Command{
	emulatorCommand,
	ledgerCommand,
	journalCommand,
	explainCommand,
	versionCommand,
}

// usageError is a command line that cannot be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "aliiot",
		Short: "The platform on this machine, and a look into a device's folder",
		Long: `aliiot is the toolbox beside a device of the aliiot framework: the platform on
this machine, and a look into a device's folder.

Exit status: 0 it worked, 1 it failed, 2 the command line is wrong.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	for _, command := range commands {
		root.AddCommand(command())
	}
	positional(root)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "aliiot: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		_, _ = fmt.Fprintf(stderr, "See %q.\n", cmd.CommandPath()+" --help")
		return exitUsage
	}
	return exitFailed
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
