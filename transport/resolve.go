package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Resolve finds the addresses of a host, best first, within ctx.
type Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

const (
	// resolveWait is the deadline of a name alone. A resolver on a broken link
	// takes half a minute to say so, and the address that worked last needs none.
	resolveWait = 8 * time.Second
	// After familyWait the other family of addresses is tried beside the first
	// (RFC 8305, 5: an AAAA may lead nowhere), after addressWait the next address.
	familyWait, addressWait = 300 * time.Millisecond, 5 * time.Second
)

func systemResolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// candidates are the addresses to try, in order: what the name resolves to, and
// the one that worked last, which TLS holds to the name as any other. It comes
// first after what the name led to turned out to be somebody else.
func (o *opener) candidates(ctx context.Context, t target) ([]string, error) {
	o.mu.Lock()
	last, doubt := o.lastGood[t.address], o.doubt[t.address]
	o.mu.Unlock()
	if doubt && last != "" {
		return []string{last}, nil
	}
	host, port, err := net.SplitHostPort(t.address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{t.address}, nil
	}
	short, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	found, err := o.resolve(short, host)
	var all []string
	for _, ip := range interleave(found) {
		all = append(all, net.JoinHostPort(ip.Unmap().String(), port))
	}
	if last != "" && !slices.Contains(all, last) {
		all = append(all, last)
	}
	switch {
	case len(all) > 0:
		return all, nil
	case err == nil:
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	case !errors.As(err, new(*net.DNSError)):
		err = &net.DNSError{Err: err.Error(), Name: host, IsTimeout: short.Err() != nil, UnwrapErr: err}
	}
	return nil, err
}

// interleave puts the families in turns, the first one first.
func interleave(all []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr
	for _, ip := range all {
		i := 0
		if ip.Unmap().Is4() != all[0].Unmap().Is4() {
			i = 1
		}
		families[i] = append(families[i], ip)
	}
	var out []netip.Addr
	for i := range all {
		for _, f := range families {
			if i < len(f) {
				out = append(out, f[i])
			}
		}
	}
	return out
}

// race dials the addresses one after another, each a while after the one before
// or when that has failed; the first connection wins and the others are closed.
func (o *opener) race(ctx context.Context, addresses []string) (conn net.Conn, address string, err error) {
	type result struct {
		conn    net.Conn
		address string
		err     error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, len(addresses))
	next, running := 0, 0
	start := func() {
		address := addresses[next]
		next, running = next+1, running+1
		go func() {
			c, err := o.dial(ctx, "tcp", address)
			results <- result{c, address, err}
		}()
	}
	defer func() { // who comes too late
		go func(late int) {
			for range late {
				if r := <-results; r.err == nil {
					_ = r.conn.Close()
				}
			}
		}(running)
	}()
	for start(); running > 0; {
		var turn <-chan time.Time
		if next < len(addresses) {
			turn = time.After(pause(addresses[next-1], addresses[next]))
		}
		select {
		case <-turn:
			start()
		case r := <-results:
			running--
			if r.err == nil {
				return r.conn, r.address, nil
			}
			if err == nil {
				err = r.err
			}
			if next < len(addresses) && ctx.Err() == nil {
				start()
			}
		}
	}
	return nil, "", err
}

func pause(before, after string) time.Duration {
	if strings.Contains(before, "[") != strings.Contains(after, "[") {
		return familyWait
	}
	return addressWait
}

// judged remembers what an attempt that reached an address found there. A peer
// that speaks MQTT is the broker as far as anybody knows; one that fails before
// is in doubt, and the next attempt begins with the address that worked last.
func (o *opener) judged(t target, address string, spoke bool) {
	if ap, err := netip.ParseAddrPort(address); err != nil || !ap.IsValid() {
		return // a dialer of the caller's, that leads somewhere without an address
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if spoke {
		o.lastGood[t.address] = address
	}
	o.doubt[t.address] = !spoke && address != o.lastGood[t.address]
}
