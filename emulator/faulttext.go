package emulator

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// FaultError is a text that is no fault.
type FaultError struct {
	Text   string
	Reason string
}

func (e *FaultError) Error() string { return fmt.Sprintf("emulator: fault %q: %s", e.Text, e.Reason) }

// named are the faults as they are before their words change them.
var named = map[string]Fault{
	ReplyLost: LoseReplies(), ReplyLate: LateReplies(0), ReplyTwice: RepeatReplies(2), ReplyUnknownID: StrangeReplies(alink.ID{}),
	ReplyWrongShape: WrongShape(""), Code429: Throttle(), CodeFinal: Code(alink.CodeParameter), PubackOnly: DropPublishes(),
	SilentQuota: Quota(), ConnackRefused: Refuse(connackUnavailable), SubackBad: BadSubscribe(), Displaced: Twin(2 * time.Second),
	OwnGhost: Ghost(time.Second), PoisonReport: Poison(),
}

// words set one thing each. The first group is good for every fault.
var words = map[string]func(f *Fault, v string) error{
	"device": func(f *Fault, v string) error {
		f.match.Device.ProductKey, f.match.Device.DeviceName, _ = strings.Cut(v, "/")
		return nil
	},
	"topic":    func(f *Fault, v string) error { f.match.Topic = v; return nil },
	"contains": func(f *Fault, v string) error { f.match.Contains = v; return nil },
	"lane":     func(f *Fault, v string) error { f.match.Lane = v; return nil },
	"rate": func(f *Fault, v string) (err error) {
		if f.rate, err = strconv.ParseFloat(v, 64); err != nil || !(f.rate > 0 && f.rate <= 1) {
			return errors.New("is not a number above 0 and at most 1")
		}
		return nil
	},
	"times": func(f *Fault, v string) error { return positive(&f.times, v) },
	"for":   func(f *Fault, v string) error { return duration(&f.last, v) },

	"delay": func(f *Fault, v string) error {
		if f.Name == ReplyLate && v == "reconnect" {
			f.reconnect = true
			return nil
		}
		return duration(&f.delay, v)
	},
	"every":  func(f *Fault, v string) error { return duration(&f.every, v) },
	"copies": func(f *Fault, v string) error { return positive(&f.copies, v) },
	"id": func(f *Fault, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return fmt.Errorf("is not a number of 0 to %d", uint32(math.MaxUint32))
		}
		f.id = alink.NewID(uint32(n))
		return nil
	},
	"shape": func(f *Fault, v string) error {
		f.shape = Shape(v)
		if !slices.Contains(shapes, f.shape) {
			return fmt.Errorf("is none of %v", shapes)
		}
		return nil
	},
	"code": func(f *Fault, v string) error {
		n := 0
		if err := positive(&n, v); err != nil {
			return err
		}
		f.code = alink.Code(n)
		if f.Name == ConnackRefused {
			if f.connack = byte(n); n > 127 {
				return errors.New("is above 127")
			}
		}
		return nil
	},
}

var common = []string{"device", "topic", "contains", "lane", "rate", "times", "for"}

// ParseFault reads a fault from a line such as "reply-lost rate=0.3",
// "code-final code=6306 contains=k7", "connack-refused code=5 for=30s",
// "reply-late delay=reconnect". Words for every fault: device=pk/dn, topic=FILTER,
// contains=TEXT, lane=NAME, rate=0…1, times=N, for=DURATION. The error is a
// *FaultError.
func ParseFault(text string) (Fault, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	f, ok := named[name]
	if !ok {
		return Fault{}, &FaultError{text, fmt.Sprintf("there is no fault %q; there are %s", name, strings.Join(FaultNames(), ", "))}
	}
	for _, word := range strings.Fields(rest) {
		key, value, ok := strings.Cut(word, "=")
		own := helps[name].Word
		if !ok || key == "" || key != own && !slices.Contains(common, key) {
			allowed := strings.TrimSuffix(strings.Join(append(slices.Clone(common), own), ", "), ", ")
			return Fault{}, &FaultError{text, fmt.Sprintf("it cannot have %q; its words are %s, each with = and a value", word, allowed)}
		}
		if err := words[key](&f, value); err != nil {
			return Fault{}, &FaultError{text, fmt.Sprintf("its %s %q %v", key, value, err)}
		}
	}
	return f, nil
}

func positive(n *int, v string) (err error) {
	if *n, err = strconv.Atoi(v); err != nil || *n <= 0 {
		return errors.New("is not a number above 0")
	}
	return nil
}

func duration(d *time.Duration, v string) (err error) {
	if *d, err = time.ParseDuration(v); err != nil || *d <= 0 {
		return errors.New("is not a duration above 0, such as 500ms or 2m")
	}
	return nil
}
