package measure

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// childVar carries what a child of the benchmark is to do, as JSON.
const childVar = "ALIIOT_BENCH_CHILD"

// job is what a process of its own is to do.
type job struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// Jobs are what a program can be started again for, by name.
type Jobs map[string]func(args json.RawMessage) error

// Run does the job that this process was started for. It returns false in the parent,
// which was started for none.
func (j Jobs) Run() (child bool, err error) {
	text, child := os.LookupEnv(childVar)
	if !child {
		return false, nil
	}
	var asked job
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return true, fmt.Errorf("the job of this child: %w", err)
	}
	do, ok := j[asked.Name]
	if !ok {
		return true, fmt.Errorf("nobody here does %q", asked.Name)
	}
	if err := do(asked.Args); err != nil {
		return true, fmt.Errorf("%s: %w", asked.Name, err)
	}
	return true, nil
}

// Child is this program in a process of its own. It talks in lines of JSON and
// ends when its standard input does.
type Child struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// Start runs this program again, for a job.
func Start(name string, args any) (*Child, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	asked, err := json.Marshal(job{name, raw})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVar+"="+string(asked))
	return StartCommand(cmd)
}

// StartCommand does the same for another program.
func StartCommand(cmd *exec.Cmd) (*Child, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Child{cmd, in, bufio.NewScanner(out)}, nil
}

// PID is the child's.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Hear reads one line of the child's.
func (c *Child) Hear(v any) error {
	if !c.out.Scan() {
		return fmt.Errorf("the child %s ended early: %w", c.cmd.Path, c.cmd.Wait())
	}
	if err := json.Unmarshal(c.out.Bytes(), v); err != nil {
		return fmt.Errorf("the child said %q: %w", c.out.Text(), err)
	}
	return nil
}

// Kill is SIGKILL.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended already
	_ = c.cmd.Wait()
}

// End closes the child's input and waits for its end.
func (c *Child) End() error {
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the child %s: %w", strings.Join(c.cmd.Args, " "), err)
	}
	return nil
}

// Say is the child's side of Hear.
func Say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// AwaitEnd returns when the parent has closed the child's input.
func AwaitEnd() { _, _ = io.Copy(io.Discard, os.Stdin) }
