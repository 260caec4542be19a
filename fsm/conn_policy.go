package fsm

import (
	"time"

	"github.com/aliiot/aliiot/internal/backoff"
)

// ConnPolicy is how patient the connection is. All durations are running time.
type ConnPolicy struct {
	// Backoff is the wait after failures of the link, with full jitter.
	Backoff backoff.Policy
	// RefusedBackoff is the wait after a refusal, at least half of each step.
	RefusedBackoff backoff.Policy
	// LostSpread is the width of the first wait after a session that lasted: who
	// has a fleet widens it, so that all devices do not return at once.
	LostSpread time.Duration
	// ConnectsPerMinute bounds the attempts within any minute; 0 means no bound.
	// The platform allows five for a device.
	ConnectsPerMinute int
	// DialDeadline bounds an attempt from name resolution to CONNACK,
	// SubscribeDeadline the SUBACK, ProbeDeadline the answer to a probe.
	DialDeadline, SubscribeDeadline, ProbeDeadline time.Duration
	// StableAfter is how long a session must last to count as good; one that the
	// peer closes within QuickDeath of CONNACK counts as a sign of a takeover.
	StableAfter, QuickDeath time.Duration
	// QuietFor is how long a quiet session publishes nothing.
	QuietFor time.Duration
	// HintGap is the least time between two acts upon hints of the modem.
	HintGap time.Duration
	// UnreachableAfter is how long there may be no platform before the application
	// is told, again and again.
	UnreachableAfter time.Duration
	// Endpoints is how many servers are configured.
	Endpoints int
}

// DefaultConnPolicy is made for one device on a cellular link against the
// platform.
func DefaultConnPolicy() ConnPolicy {
	return ConnPolicy{
		Backoff:           backoff.Policy{Base: time.Second, Cap: 5 * time.Minute},
		RefusedBackoff:    backoff.Policy{Base: time.Minute, Cap: 30 * time.Minute},
		LostSpread:        2 * time.Second,
		ConnectsPerMinute: 5,
		DialDeadline:      40 * time.Second,
		SubscribeDeadline: 30 * time.Second,
		ProbeDeadline:     15 * time.Second,
		StableAfter:       time.Minute,
		QuickDeath:        time.Minute,
		QuietFor:          10 * time.Second,
		HintGap:           10 * time.Second,
		UnreachableAfter:  10 * time.Minute,
		Endpoints:         1,
	}
}

const (
	// connWindow is the platform's minute for its bound on connects.
	connWindow = time.Minute
	// dialSlack is how much longer than its deadline an attempt may take to say
	// that it failed before it is given up as hung.
	dialSlack = 5 * time.Second
	// quietAfter quick deaths the next session is quiet; at displacedAt, if the
	// last one was still quiet, another client is at work. A report that kills the
	// link dies after the quiet time and is set aside by the outbox within five
	// deaths, so at displacedAnyway it was no report either.
	quietAfter, displacedAt, displacedAnyway = 2, 3, 8
)

func (p ConnPolicy) validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Backoff.Base", p.Backoff.Base},
		{"RefusedBackoff.Base", p.RefusedBackoff.Base},
		{"DialDeadline", p.DialDeadline},
		{"SubscribeDeadline", p.SubscribeDeadline},
		{"ProbeDeadline", p.ProbeDeadline},
		{"StableAfter", p.StableAfter},
		{"QuickDeath", p.QuickDeath},
		{"QuietFor", p.QuietFor},
		{"HintGap", p.HintGap},
		{"UnreachableAfter", p.UnreachableAfter},
	} {
		if d.value <= 0 {
			return &PolicyError{d.field, "must be above 0"}
		}
	}
	switch {
	case p.Backoff.Cap < p.Backoff.Base:
		return &PolicyError{"Backoff.Cap", "must not be below Base"}
	case p.RefusedBackoff.Cap < p.RefusedBackoff.Base:
		return &PolicyError{"RefusedBackoff.Cap", "must not be below Base"}
	case p.LostSpread < 0:
		return &PolicyError{"LostSpread", "must not be negative"}
	case p.ConnectsPerMinute < 0:
		return &PolicyError{"ConnectsPerMinute", "must not be negative"}
	case p.Endpoints < 1:
		return &PolicyError{"Endpoints", "must be at least 1"}
	}
	return nil
}
