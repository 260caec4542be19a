package actors

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/url"
	"strings"
	"syscall"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/transport"
)

// dial makes one attempt beside the mailbox.
func (c *connection) dial(a fsm.Dial) {
	server := c.tree.opts.Servers[a.Endpoint%len(c.tree.opts.Servers)]
	secure := strings.HasPrefix(server, "mqtts:")
	ctx, cancel := context.WithTimeout(context.Background(), a.Deadline)
	c.cancel, c.number, c.session, c.server = cancel, a.Attempt, nil, server
	o, root, self := &c.tree.opts, c.root, c.self
	snk := &sink{tree: c.tree, root: root, session: a.Attempt,
		outbox: c.tree.PID(outboxName), dispatch: c.tree.PID(dispatchName), connection: self}
	c.tree.log.Info("connecting", "server", server, "attempt", a.Attempt, "quiet", a.Quiet)
	saved, keepAlive := c.saved, c.tree.lastConn.keepAlive.next()
	go func() {
		defer cancel()
		if !await(ctx, saved, o.Policy.ConnectsPerMinute) {
			c.tree.log.Warn("the record of connects is not on the disk", "attempt", a.Attempt)
		}
		cred, err := o.Credentials(secure)
		if err != nil {
			root.Send(self, dialled{a.Attempt, nil, err, nil})
			return
		}
		s, err := o.Dialer.Dial(ctx, transport.Connect{
			Server: server, ClientID: cred.ClientID, Username: cred.Username, Password: transport.Secret(cred.Password),
			KeepAlive: keepAlive, CleanSession: true, TLS: c.tlsConfig(server),
		}, snk)
		taken := make(chan struct{}, 1)
		root.Send(self, dialled{a.Attempt, s, err, taken})
		if s != nil {
			select {
			case <-taken:
			case <-ctx.Done(): // who dialled is gone, or hangs
				s.Close()
			}
		}
	}()
}

// tlsConfig gives TLS a floor for the date: a clock that nobody has set must not
// make every certificate "not yet valid".
func (c *connection) tlsConfig(server string) *tls.Config {
	t := c.tree.opts.TLS.Clone()
	if t == nil {
		t = &tls.Config{}
	}
	if u, err := url.Parse(server); err == nil && t.ServerName == "" {
		t.ServerName = u.Hostname()
	}
	t.Time = c.tree.certificateTime
	return t
}

func (c *connection) dialled(m dialled) {
	if m.session != nil {
		m.taken <- struct{}{}
	}
	if c.tree.lastConn.keepAlive.tried(m.err == nil) {
		c.tree.log.Info("quiet sessions die here: the keepalive is shorter", "keepalive", c.tree.lastConn.keepAlive.now)
	}
	if m.err != nil {
		class, code := classOf(m.err)
		c.status.Err, c.status.Phase = m.err, string(transport.PhaseOf(m.err))
		c.unreachable(class, m.err)
		c.step(fsm.DialFailed{Attempt: m.attempt, Class: class, Code: code, Detail: detail(m.err)})
		return
	}
	if m.attempt != c.number || c.session != nil { // nobody waits for it any more
		go m.session.Close()
		return
	}
	c.session = m.session
	c.step(fsm.Dialled{Attempt: m.attempt})
}

// quietDeath is the end of a session by silence: of the keepalive's business only
// if it had been quiet before.
func (c *connection) quietDeath(session uint64) {
	if s := c.session; s != nil && session == c.number {
		c.tree.lastConn.keepAlive.died(s.Stats().SinceHeard)
	}
}

// unreachable tells the application once that the link cannot be made, and again
// when an attempt comes to another phase. Refusals and their like have notices of their own.
func (c *connection) unreachable(class fsm.FailClass, err error) {
	if why := c.server + " " + c.status.Phase; class == fsm.ClassLink && why != c.toldWhy {
		c.toldWhy = why
		c.tree.tell(Told{ToldDialFailed, "cannot reach " + c.server + ": " + detail(err) + "; it keeps trying"})
	}
}

func (c *connection) subscribe(a fsm.Subscribe) {
	s, root, self := c.session, c.root, c.self
	if s == nil {
		return
	}
	var filters []transport.Filter
	for _, topic := range alink.Filters(c.tree.opts.Device) {
		filters = append(filters, transport.Filter{Topic: topic})
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), a.Deadline)
		defer cancel()
		root.Send(self, subscribed{a.Session, s.Subscribe(ctx, filters)})
	}()
}

func (c *connection) subscribed(m subscribed) {
	if m.err == nil {
		c.step(fsm.Subscribed{Session: m.session})
		return
	}
	class := fsm.ClassLink
	var refused *transport.SubscribeError
	if errors.As(m.err, &refused) {
		class = fsm.ClassRefused
	}
	c.step(fsm.SubscribeFailed{Session: m.session, Class: class, Detail: detail(m.err)})
}

// classOf says whose fault a failed attempt seems to be.
func classOf(err error) (fsm.FailClass, byte) {
	var (
		refused   *transport.RefusedError
		notServer *transport.NotServerError
		cert      *tls.CertificateVerificationError
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &refused):
		if refused.Code == connackUnavailable {
			return fsm.ClassLink, refused.Code // throttled or down: nothing is wrong with the credentials
		}
		return fsm.ClassRefused, refused.Code
	case errors.As(err, &notServer):
		return fsm.ClassNotServer, 0
	case errors.As(err, &cert), errors.As(err, &unknownCA), errors.As(err, &hostname), errors.As(err, &invalid):
		return fsm.ClassTLS, 0
	}
	return fsm.ClassLink, 0
}

// connackUnavailable is CONNACK 3, server unavailable.
const connackUnavailable = 3

// byPeer says whether the other side closed the connection, rather than time.
func byPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
