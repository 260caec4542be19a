package drain

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/bench/measure"
)

// Rule says when a post counts as done.
type Rule byte

const (
	// ByReply: the platform's reply came. Posts go by QoS 0.
	ByReply Rule = iota
	// ByReplyQoS1: the same, and posts go by QoS 1.
	ByReplyQoS1
	// ByPuback: the broker's PUBACK came, to a post by QoS 1.
	ByPuback
)

func (r Rule) qos() byte {
	if r == ByReply {
		return 0
	}
	return 1
}

// Paho is a bare client: a window, a rule, and nothing that keeps anything.
type Paho struct {
	client mqtt.Client
	rule   Rule
	window int
	topic  string
	params []byte
	done   chan error
	acks   chan mqtt.Token
	id     uint32
	bad    atomic.Int64
}

// DialPaho connects and subscribes.
func DialPaho(addr string, rule Rule, window int, params []byte) (*Paho, error) {
	topic := alink.Topic{Kind: alink.PropertyPost, Device: Device}
	reply, ok := topic.Reply()
	if !ok {
		return nil, errors.New("a property post has no reply")
	}
	p := &Paho{rule: rule, window: window, topic: topic.String(), params: params, done: make(chan error, 2*window+2), acks: make(chan mqtt.Token, window+1)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetProtocolVersion(4).SetClientID("bare").SetAutoReconnect(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if _, err := alink.ParseReply(m.Payload()); err != nil {
				p.bad.Add(1)
			} else if rule != ByPuback {
				p.done <- nil
			}
		})
	p.client = mqtt.NewClient(o)
	if err := wait(p.client.Connect()); err != nil {
		return nil, err
	}
	if err := wait(p.client.Subscribe(reply.String(), 0, nil)); err != nil {
		return nil, err
	}
	go func() { // PUBACKs come in order
		for t := range p.acks {
			p.done <- wait(t)
		}
	}()
	return p, nil
}

func wait(t mqtt.Token) error {
	if !t.WaitTimeout(patience) {
		return errors.New("no answer from the broker")
	}
	return t.Error()
}

// Post sends one.
func (p *Paho) Post(params []byte) {
	p.id++
	body := alink.AppendPropertyPost(nil, p.id, params, time.Now().UnixMilli(), alink.PostOptions{Ack: true})
	t := p.client.Publish(p.topic, p.rule.qos(), false, body)
	if p.rule == ByPuback {
		p.acks <- t
	}
}

// Await waits until one more is done.
func (p *Paho) Await() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("no answer within %v (%d that could not be read)", patience, p.bad.Load())
	}
}

// Slice posts with a full window for a while and waits for the last answer.
func (p *Paho) Slice(d time.Duration) (float64, error) {
	start, open, n := time.Now(), 0, 0
	for time.Since(start) < d || open > 0 {
		for open < p.window && time.Since(start) < d {
			p.Post(p.params)
			open++
		}
		if err := p.Await(); err != nil {
			return 0, err
		}
		open--
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// Close ends the connection.
func (p *Paho) Close() {
	close(p.acks)
	p.client.Disconnect(10)
}

// Source is where a backlog comes from.
type Source interface {
	// Next reads the n oldest that were not read yet, Settle ends the n oldest.
	Next(n int) ([][]byte, error)
	Settle(n int) error
}

// settler settles beside the drain: what comes while one call is under way goes into
// the next.
type settler struct {
	done     chan int
	caughtUp chan error
}

func newSettler(s Source, window int) *settler {
	t := &settler{make(chan int, window), make(chan error)}
	go func() {
		var err error
		for n := range t.done {
			stop := n == 0
			for more := len(t.done); more > 0 && !stop; more-- {
				k := <-t.done
				n, stop = n+k, k == 0
			}
			if n > 0 && err == nil {
				err = s.Settle(n)
			}
			if stop {
				t.caughtUp <- err
			}
		}
		close(t.caughtUp)
	}()
	return t
}

// wait returns when all has been settled.
func (t *settler) wait() error {
	t.done <- 0
	return <-t.caughtUp
}

// From drains n records of a source, whose answers are settled as they come.
func (p *Paho) From(s Source, n int) (rate float64, err error) {
	start, open, sent := time.Now(), 0, 0
	settle := newSettler(s, p.window)
	defer close(settle.done)
	var ready [][]byte
	for done := 0; done < n; {
		for open < p.window && sent < n {
			if len(ready) == 0 {
				if ready, err = s.Next(min(64, n-sent)); err != nil {
					return 0, err
				}
				if len(ready) == 0 && open > 0 {
					break // it gives one at a time
				}
				if len(ready) == 0 {
					if err := settle.wait(); err != nil {
						return 0, err
					}
					ready, err = s.Next(1)
				}
				if err != nil {
					return 0, err
				}
				if len(ready) == 0 {
					return 0, fmt.Errorf("the backlog ended after %d of %d", sent, n)
				}
			}
			p.Post(ready[0])
			ready = ready[1:]
			open++
			sent++
		}
		if err := p.Await(); err != nil {
			return 0, err
		}
		open--
		done++
		settle.done <- 1
	}
	if err := settle.wait(); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// Beside drains ours between two bare loops: before each slice of ours prepare
// fills its backlog, with at most so many where most is not 0. It gives ratios of the rates and of the CPU that one takes.
func Beside(s measure.Scale, bare *Paho, most int, prepare func(n int) error, ours func(n int) (float64, error)) (rates, cpu measure.Round, err error) {
	d := measure.Pick(s, 500*time.Millisecond, 100*time.Millisecond)
	slices := measure.Pick(s, 4, 1)
	timed := func(f func() (rate, n float64, err error)) (rate, us float64, err error) {
		used := measure.CPU()
		rate, n, err := f()
		return rate, float64(measure.CPU()-used) / float64(time.Microsecond) / n, err
	}
	one := func() (float64, float64, error) {
		return timed(func() (float64, float64, error) {
			start := time.Now()
			rate, err := bare.Slice(d)
			return rate, rate * time.Since(start).Seconds(), err
		})
	}
	before, beforeCPU, err := one()
	if err != nil {
		return rates, cpu, fmt.Errorf("the bare loop: %w", err)
	}
	var absolute, micros []float64
	for range slices {
		n := max(int(before*2*d.Seconds()), 64)
		if most > 0 {
			n = min(n, most)
		}
		if err := prepare(n); err != nil {
			return rates, cpu, fmt.Errorf("filling the backlog: %w", err)
		}
		rate, us, err := timed(func() (float64, float64, error) {
			rate, err := ours(n)
			return rate, float64(n), err
		})
		if err != nil {
			return rates, cpu, fmt.Errorf("draining: %w", err)
		}
		after, afterCPU, err := one()
		if err != nil {
			return rates, cpu, fmt.Errorf("the bare loop: %w", err)
		}
		rates.Values = append(rates.Values, 2*rate/(before+after))
		cpu.Values = append(cpu.Values, 2*us/(beforeCPU+afterCPU))
		absolute, micros = append(absolute, rate), append(micros, us)
		before, beforeCPU = after, afterCPU
	}
	rates.Absolute, cpu.Absolute = measure.Median(absolute), measure.Median(micros)
	return rates, cpu, nil
}
