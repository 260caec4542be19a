package emulator_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

// rawPacket reads one packet and returns its first byte.
func rawPacket(t *testing.T, c net.Conn) byte {
	t.Helper()
	head, _ := rawMessage(t, c)
	return head
}

// rawMessage reads one packet: its first byte and what is behind the length.
func rawMessage(t *testing.T, c net.Conn) (byte, []byte) {
	t.Helper()
	var head [1]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatal(err)
	}
	first, length := head[0], 0
	for shift := 0; ; shift += 7 {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			t.Fatal(err)
		}
		length |= int(head[0]&0x7f) << shift
		if head[0] < 0x80 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return first, body
}

// With CleanSession=false what came with QoS 1 waits, and comes in order.
func TestKeptSession(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		c := connect(t, e, dev, dial{keep: true})
		c.subscribe(map[string]byte{c.topic(alink.PropertyPostReply, ""): 1, c.topic(alink.NTPResponse, ""): 0})
		e.Inject(emulator.LateReplies(time.Minute))
		for i := range 50 {
			c.post(i, `{}`)
			time.Sleep(20 * time.Millisecond)
		}
		c.close()
		time.Sleep(time.Hour)
		e.Heal()
		if all := e.Replies(dev.Device); len(all) != 50 || all[7].Reason != "queued" {
			t.Fatalf("%d replies, the eighth %+v", len(all), all[7])
		}
		again := connect(t, e, dev, dial{keep: true})
		for i := range 50 {
			if r := again.reply(); r.ID != alink.NewID(uint32(i)) {
				t.Fatalf("number %d is %v", i, r.ID)
			}
		}
		if all := e.Connects(dev.Device); all[0].Present || !all[1].Present {
			t.Errorf("session present: %v and %v", all[0].Present, all[1].Present)
		}
		again.post(99, `{}`) // it is subscribed still
		again.reply()
		again.close()
		clean := connect(t, e, dev, dial{})
		clean.post(100, `{}`)
		clean.subscribe(map[string]byte{c.topic(alink.NTPResponse, ""): 0})
		clean.quiet()
		clean.subscribe(map[string]byte{c.topic(alink.PropertyPostReply, ""): 1})
		clean.close()
		last := connect(t, e, dev, dial{keep: true}) // a clean session forgot it
		last.post(101, `{}`)
		last.subscribe(map[string]byte{c.topic(alink.NTPResponse, ""): 0})
		last.quiet()
		if all := e.Connects(dev.Device); all[2].Present || all[3].Present {
			t.Errorf("session present: clean %v, after it %v", all[2].Present, all[3].Present)
		}
	})
}

// What was sent and not acknowledged comes again, marked, before the rest; above a
// hundred the platform waits.
func TestWindowOfAHundred(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		dev := c.dev
		c.close()
		raw := rawConnect(t, e, dev, 1200)
		topic := alink.Topic{Kind: alink.PropertyPost, Device: dev.Device}.String()
		var ids []uint16
		for i := range 130 {
			if err := rawPublish(raw, topic, uint16(i+1), fmt.Sprintf(`{"id":"%d","params":{}}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		for pubacks := 0; pubacks < 130; {
			switch head, body := rawMessage(t, raw); head {
			case 0x40:
				pubacks++
			case 0x32:
				ids = append(ids, binary.BigEndian.Uint16(body[2+int(binary.BigEndian.Uint16(body)):]))
			}
		}
		_ = raw.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := raw.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the hundred and first came: %d, %v", n, err)
		}
		if s := e.Sessions(); len(ids) != 100 || s[0].Unacked != 100 {
			t.Fatalf("%d came, %+v", len(ids), s)
		}
		_ = raw.SetReadDeadline(time.Time{})
		for _, id := range ids[:30] {
			if _, err := raw.Write([]byte{0x40, 2, byte(id >> 8), byte(id)}); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 {
			if head := rawPacket(t, raw); head != 0x32 {
				t.Fatalf("packet %x", head)
			}
		}
	})
}

func TestUnackedComesAgain(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		dev := e.NewDevice()
		c := connect(t, e, dev, dial{keep: true})
		c.subscribe(map[string]byte{c.topic(alink.PropertyPostReply, ""): 1})
		e.Inject(emulator.LateReplies(time.Second))
		c.post(1, `{}`)
		c.post(2, `{}`)
		c.close()
		time.Sleep(time.Minute)
		e.Heal()
		raw := rawConnectKept(t, e, dev)
		for range 2 {
			if head := rawPacket(t, raw); head != 0x32 {
				t.Fatalf("first sending: %x", head)
			}
		}
		_ = raw.Close()
		if err := e.WaitOffline(t.Context(), dev.Device); err != nil {
			t.Fatal(err)
		}
		raw = rawConnectKept(t, e, dev)
		for range 2 {
			if head := rawPacket(t, raw); head != 0x3a {
				t.Errorf("second sending: %x, want it marked as a duplicate", head)
			}
		}
	})
}

// A client that stops reading holds nobody up, and time goes on.
func TestStalledClient(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		stalled, busy := connectAuto(t, e), connectAuto(t, e)
		dev := stalled.dev
		stalled.close()
		raw := rawConnect(t, e, dev, 60)
		topic := alink.Topic{Kind: alink.PropertyPost, Device: dev.Device}.String()
		for i := range 2000 { // the replies fill the buffer; nobody reads them
			if err := rawPublish(raw, topic, uint16(i+1), fmt.Sprintf(`{"id":"%d","params":{}}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.WaitAccepted(t.Context(), dev.Device, 2000); err != nil {
			t.Fatal(err)
		}
		busy.post(1, `{}`)
		busy.reply()
		start := time.Now()
		if err := e.WaitOffline(t.Context(), dev.Device); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 90*time.Second {
			t.Errorf("cut after %v", d)
		}
	})
}

func TestCloseEndsAll(t *testing.T) {
	e, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0", MQTTS: "127.0.0.1:0", Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	c := connectAuto(t, e)
	silent, err := e.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	e.Inject(emulator.LateReplies(time.Hour))
	c.post(1, `{}`)
	if _, err := e.WaitAccepted(within(t), c.dev.Device, 1); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := e.WaitAccepted(context.Background(), c.dev.Device, 2); waiting <- err }()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = c.waitLost()
	if _, err := io.ReadAll(silent); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, emulator.ErrClosed) {
		t.Errorf("waiting: %v", err)
	}
	if _, err := e.DialContext(t.Context(), "", ""); err == nil {
		t.Error("dialled a closed emulator")
	}
	if _, err := try(t, e, c.dev, dial{}); err == nil {
		t.Error("connected to a closed emulator")
	}
}

func TestAddressInUse(t *testing.T) {
	e := emulator.Start(t)
	if _, err := emulator.New(emulator.Options{MQTT: e.MQTT()[len("mqtt://"):]}); err == nil {
		t.Error("two listen on one address")
	}
	if _, err := e.DialContext(t.Context(), "", ""); !errors.Is(err, emulator.ErrNotInMemory) {
		t.Errorf("dialling: %v", err)
	}
	if e.MQTTS() != "" || e.CA() != nil || e.CertPool() != nil {
		t.Error("it has a TLS listener that nobody asked for")
	}
}

func TestWaitsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		dev := e.NewDevice()
		if _, err := e.WaitAccepted(ctx, dev.Device, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for what never comes: %v", err)
		}
		if err := e.WaitOnline(ctx, dev.Device); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for who never comes: %v", err)
		}
	})
}
