package emulator

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestConnCutsWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe()
		c := newConn(server, "memory", false)
		var err error
		for range 4 * maxUnsent >> 20 {
			if _, err = c.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		if !errors.Is(err, errSlowReader) {
			t.Errorf("writing on and on: %v", err)
		}
		<-c.sent
		if n, err := io.Copy(io.Discard, client); err != nil || n > maxUnsent/2 {
			t.Errorf("the client got %d bytes, %v", n, err)
		}
	})
}

func TestConnSaysItsLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe()
		c := newConn(server, "memory", false)
		if _, err := c.Write([]byte("no")); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(client); err != nil || string(got) != "no" {
			t.Errorf("%q, %v", got, err)
		}
		<-c.sent

		_, server = pipe() // nobody reads
		c = newConn(server, "memory", false)
		if _, err := c.Write(make([]byte, 2*pipeBuffer)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = c.Close()
		if <-c.sent; time.Since(start) != lastWords {
			t.Errorf("it tried for %v", time.Since(start))
		}
	})
}

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		start := time.Now()
		passed := func(d time.Duration, n int, err error) {
			t.Helper()
			if !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || time.Since(start) != d {
				t.Errorf("%d, %v after %v; want the deadline after %v", n, err, time.Since(start), d)
			}
		}
		_ = a.SetDeadline(start.Add(time.Second))
		n, err := a.Read(make([]byte, 1))
		passed(time.Second, n, err)
		_ = a.SetReadDeadline(start.Add(time.Hour))
		time.AfterFunc(time.Second, func() { _ = a.SetReadDeadline(start.Add(3 * time.Second)) })
		n, err = a.Read(make([]byte, 1)) // moved while it waits
		passed(3*time.Second, n, err)
		_ = a.SetDeadline(time.Time{})

		if n, err := a.Write(make([]byte, pipeBuffer)); n != pipeBuffer || err != nil {
			t.Fatal(n, err)
		}
		_ = a.SetWriteDeadline(start.Add(4 * time.Second))
		n, err = a.Write([]byte("x")) // full
		passed(4*time.Second, n, err)
		_ = a.SetWriteDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { _, _ = io.ReadFull(b, make([]byte, 10)) })
		if n, err := a.Write(make([]byte, 10)); n != 10 || err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%d, %v after %v", n, err, time.Since(start))
		}

		time.AfterFunc(time.Second, func() { _ = a.Close() })
		if got, err := io.ReadAll(b); err != nil || len(got) != pipeBuffer {
			t.Errorf("%d bytes, %v; want what is under way and EOF", len(got), err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to nobody: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading from a closed end: %v", err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing twice: %v", err)
		}

		c, _ := pipe()
		time.AfterFunc(time.Second, func() { _ = c.Close() })
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while it reads: %v", err)
		}
	})
}
