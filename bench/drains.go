package main

import (
	"context"
	"errors"
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/actors"
	"github.com/aliiot/aliiot/bench/drain"
	"github.com/aliiot/aliiot/bench/measure"
)

// window is how many posts a device leaves unanswered at most: the core's own.
const window = 64

// drainTrials let a whole device drain, beside bare paho with the same window.
func drainTrials() []measure.Trial {
	var all []measure.Trial
	for _, t := range []struct {
		rate, cpu string
		confirm   aliiot.Confirm
		bare      drain.Rule
		window    int
	}{
		{"W1/qos0", "W3/qos0", aliiot.ConfirmReply, drain.ByReply, window},
		{"W1/qos0-100", "W3/qos0-100", aliiot.ConfirmReply, drain.ByReply, 100},
		{"W1/qos1", "W3/qos1", aliiot.ConfirmPuback, drain.ByPuback, window},
		{"W1/qos0-of-qos1", "W3/qos0-of-qos1", aliiot.ConfirmReply, drain.ByReplyQoS1, window},
	} {
		all = append(all, measure.Trial{Keys: []string{t.rate, t.cpu}, Round: func(dir string, s measure.Scale) (map[string]measure.Round, error) {
			rate, cpu, err := deviceDrain(dir, s, t.confirm, t.bare, t.window)
			return map[string]measure.Round{t.rate: rate, t.cpu: cpu}, err
		}})
	}
	return all
}

func deviceDrain(dir string, s measure.Scale, confirm aliiot.Confirm, rule drain.Rule, window int) (rate, cpu measure.Round, err error) {
	broker, err := drain.StartBroker()
	if err != nil {
		return rate, cpu, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	p, err := reportOf(256)
	if err != nil {
		return rate, cpu, err
	}
	content, err := p.Content()
	if err != nil {
		return rate, cpu, err
	}
	bare, err := drain.DialPaho(broker.Addr, rule, window, content.Params())
	if err != nil {
		return rate, cpu, err
	}
	defer bare.Close()
	dev, err := openDevice(dir, "mqtt://"+broker.Addr, func(c *aliiot.Config) { c.Confirm = confirm })
	if err != nil {
		return rate, cpu, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	return drain.Beside(s, bare, 0,
		func(n int) error { return reportMany(dev, p, n) },
		func(n int) (float64, error) { return drainOnce(dev, n) })
}

// drainOnce counts from when the device is online until nothing is pending.
func drainOnce(dev *aliiot.Device, n int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dev.Connect()
	if err := dev.WaitOnline(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := drained(ctx, dev); err != nil {
		return 0, err
	}
	rate := float64(n) / time.Since(start).Seconds()
	return rate, dev.Disconnect(ctx)
}

func drained(ctx context.Context, dev *aliiot.Device) error {
	reply := make(chan actors.Drained, 1)
	dev.Tree().Send("outbox", actors.AskDrained{Reply: reply})
	select {
	case <-reply:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
