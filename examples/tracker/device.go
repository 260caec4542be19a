package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// device is the driver's end of the device's process.
type device struct {
	cmd  *exec.Cmd
	told func(news) // gets what is no answer; called one at a time

	mu      sync.Mutex
	in      io.WriteCloser
	last    uint64
	waiting map[uint64]chan news
	gone    chan struct{} // closed when the process has ended
}

// errGone says that the device's process ended before it answered.
var errGone = errors.New("the device's process has ended")

// refusal is an answer that says no.
type refusal struct{ news }

func (r *refusal) Error() string { return r.news.Error }

// startDevice runs this program again as the device.
func startDevice(told func(news)) (*device, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("making the device's pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("making the device's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the device's process: %w", err)
	}
	d := &device{cmd: cmd, told: told, in: in, waiting: map[uint64]chan news{}, gone: make(chan struct{})}
	go d.listen(out)
	return d, nil
}

func (d *device) pid() int { return d.cmd.Process.Pid }

// listen hands on what the process says, until it has ended.
func (d *device) listen(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // what a death cut short was never said
		}
		var n news
		if json.Unmarshal(line, &n) != nil {
			continue
		}
		if n.Kind != newsAnswer {
			d.told(n)
			continue
		}
		d.mu.Lock()
		if c, ok := d.waiting[n.To]; ok {
			c <- n
			delete(d.waiting, n.To)
		}
		d.mu.Unlock()
	}
	_ = d.cmd.Wait() // killed, mostly
	close(d.gone)
}

// ask gives an order and waits for its answer. Errors: *refusal, errGone, ctx's.
func (d *device) ask(ctx context.Context, o order) (news, error) {
	c := make(chan news, 1)
	d.mu.Lock()
	d.last++
	o.Number = d.last
	d.waiting[o.Number] = c
	line, err := json.Marshal(o)
	if err == nil {
		_, err = d.in.Write(append(line, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return news{}, errGone // the pipe is closed
	}
	select {
	case n := <-c:
		return answered(n)
	case <-d.gone:
		select { // said before it went
		case n := <-c:
			return answered(n)
		default:
			return news{}, errGone
		}
	case <-ctx.Done():
		return news{}, ctx.Err()
	}
}

func answered(n news) (news, error) {
	if n.Error != "" {
		return n, &refusal{n}
	}
	return n, nil
}

// kill ends the process as the kernel does when memory runs out: no signal that
// it could catch, nothing flushed.
func (d *device) kill() {
	_ = d.cmd.Process.Kill() // it may have ended by itself
	<-d.gone
}

// closeWithin is how long closing a folder may take, its last sync included.
const closeWithin = 20 * time.Second

// close closes the folder and waits for the end of the process.
func (d *device) close(ctx context.Context) (news, error) {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	n, err := d.ask(ctx, order{Kind: orderClose})
	if err == nil {
		select {
		case <-d.gone:
			return n, nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	d.kill()
	return n, err
}
