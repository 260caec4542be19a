package fsm

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A step answers with a new value and leaves the one it was given alone, so that
// its owner can save first and act then.
func TestStepLeavesItsArgumentAlone(t *testing.T) {
	m, err := NewConnection(DefaultConnPolicy())
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.AllowUnexported(Conn{}, told{}, unreachable{}, timers{}[0])
	c := m.Start(time.Second, ConnRecord{Boot: 1, Connects: []time.Duration{1, 2, 3}}, 1, 7)
	for i, e := range []ConnEvent{
		Connect{}, DialFailed{Attempt: 8, Class: ClassRefused, Code: 4}, LoginAgain{},
		DialFailed{Attempt: 9, Class: ClassRefused, Code: 5}, Disconnect{}, Connect{},
	} {
		kept := c
		kept.connects = append([]time.Duration(nil), c.connects...)
		kept.told = append([]told(nil), c.told...)
		at := Moment{Boot: time.Duration(i+1) * time.Minute, Rnd: 1}
		next, _ := m.Step(c, at, e)
		if diff := cmp.Diff(kept, c, same); diff != "" {
			t.Errorf("%#v changed its argument:\n%s", e, diff)
		}
		if again, _ := m.Step(c, at, e); !cmp.Equal(next, again, same) {
			t.Errorf("%#v answered differently the second time:\n%s", e, cmp.Diff(next, again, same))
		}
		c = next
	}
}

func TestStartReadsTheRecord(t *testing.T) {
	const now = 100 * time.Second
	s := func(seconds ...int) (all []time.Duration) {
		for _, n := range seconds {
			all = append(all, time.Duration(n)*time.Second)
		}
		return all
	}
	for name, c := range map[string]struct {
		record ConnRecord
		want   []time.Duration
	}{
		"empty":       {ConnRecord{}, nil},
		"this boot":   {ConnRecord{1, s(10, 20)}, s(10, 60)},
		"its end":     {ConnRecord{1, s(10, 90)}, s(10, 100)},
		"other boot":  {ConnRecord{2, s(500, 900)}, s(0, 0)},
		"future":      {ConnRecord{1, s(10, 5000)}, s(10, 100)},
		"negative":    {ConnRecord{1, s(-10, 20)}, s(0, 60)},
		"not in turn": {ConnRecord{1, s(30, 20, 10)}, s(20, 30, 50)},
		"too many":    {ConnRecord{1, s(1, 2, 3, 4, 5, 6, 7)}, s(3, 4, 5, 6, 47)},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewConnection(DefaultConnPolicy())
			if err != nil {
				t.Fatal(err)
			}
			got := m.Start(now, c.record, 1, 0).connects
			if len(got) != len(c.want) || len(got) > 0 && !cmp.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestPolicyIsChecked(t *testing.T) {
	for field, spoil := range map[string]func(*ConnPolicy){
		"Backoff.Base":       func(p *ConnPolicy) { p.Backoff.Base = 0 },
		"Backoff.Cap":        func(p *ConnPolicy) { p.Backoff.Cap = 1 },
		"RefusedBackoff.Cap": func(p *ConnPolicy) { p.RefusedBackoff.Cap = 1 },
		"LostSpread":         func(p *ConnPolicy) { p.LostSpread = -1 },
		"ConnectsPerMinute":  func(p *ConnPolicy) { p.ConnectsPerMinute = -1 },
		"DialDeadline":       func(p *ConnPolicy) { p.DialDeadline = 0 },
		"Endpoints":          func(p *ConnPolicy) { p.Endpoints = 0 },
	} {
		p := DefaultConnPolicy()
		spoil(&p)
		var wrong *PolicyError
		if _, err := NewConnection(p); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// Which CONNACK means refused and which means waiting (MQTT 3.1.1, 3.2.2.3, and what newer brokers send).
func TestRefusedOrWaitingByNumber(t *testing.T) {
	for code, want := range map[byte]ConnState{
		1: ConnRefused, 2: ConnRefused, 3: ConnWaiting, 4: ConnRefused, 5: ConnRefused, 6: ConnWaiting, 0x88: ConnWaiting, 0x87: ConnRefused, 255: ConnWaiting,
	} {
		m, err := NewConnection(DefaultConnPolicy())
		if err != nil {
			t.Fatal(err)
		}
		c, _ := m.Step(m.Start(0, ConnRecord{}, 1, 0), Moment{}, Connect{})
		c, _ = m.Step(c, Moment{}, DialFailed{Attempt: 1, Class: ClassRefused, Code: code})
		if c.State != want {
			t.Errorf("CONNACK %d: %s, want %s", code, c.State, want)
		}
	}
}
