package emulator

import (
	"strconv"
	"strings"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// answer prepares the reply to a post, with whatever is to go wrong with it.
func (e *Emulator) answer(s *session, topic alink.Topic, m Message, req alink.Request, code alink.Code) {
	to, ok := topic.Reply()
	if !ok {
		return
	}
	r := alink.Reply{ID: req.ID, Code: code, Message: code.Text(), Method: topic.Method(), Version: alink.Version}
	entry := Reply{Device: s.dev.id, Topic: to.String(), ID: req.ID, Code: code}
	suppress := func(why string) {
		entry.At, entry.Reason = time.Now(), why
		e.record.reply(entry)
	}
	switch {
	case !req.WantsReply():
		suppress("sys.ack 0")
		return
	case e.silent[s.dev.id.ProductKey]:
		suppress("replies switched off")
		return
	case e.hit(ReplyLost, m) != nil:
		suppress(ReplyLost)
		return
	}
	var bodies []body
	true1 := body{id: r.ID, code: code, payload: alink.AppendReply(nil, r)}
	early := false
	if f := e.hit(ReplyWrongShape, m); f != nil {
		shape := f.shape
		if shape == "" {
			shape = shapes[f.hits%len(shapes)]
		}
		early = shape == BeforePuback
		true1.payload = misshape(shape, r, true1.payload)
	}
	bodies = append(bodies, true1)
	if f := e.hit(ReplyTwice, m); f != nil {
		for range f.copies - 1 {
			bodies = append(bodies, true1)
		}
	}
	if f := e.hit(ReplyUnknownID, m); f != nil {
		stranger := r
		if stranger.ID = f.id; stranger.ID.IsZero() {
			stranger.ID = alink.NewID(2_000_000_000 + e.lot.Uint32N(100_000_000)) // in nobody's reach
		}
		bodies = append(bodies, body{id: stranger.ID, code: code, payload: alink.AppendReply(nil, stranger)})
	}
	dev := s.dev
	send := func() {
		for _, b := range bodies {
			sent, why := e.push(dev, to.Kind, to.String(), b.payload)
			one := entry
			one.At, one.ID, one.Sent, one.Reason = time.Now(), b.id, sent, why
			e.mu.Lock()
			e.record.reply(one)
			e.signal()
			e.mu.Unlock()
		}
	}
	switch f := e.hit(ReplyLate, m); {
	case f != nil && f.reconnect:
		dev.held = append(dev.held, send)
	case f != nil:
		e.after(f.delay, send)
	case early:
		e.mu.Unlock() // it must be out before the broker writes the PUBACK
		send()
		e.mu.Lock()
	default:
		s.replies = append(s.replies, send)
	}
}

type body struct {
	id      alink.ID
	code    alink.Code
	payload []byte
}

// misshape makes a reply what a device must be able to bear.
func misshape(s Shape, r alink.Reply, good []byte) []byte {
	switch s {
	case NumericID:
		if n, ok := r.ID.Uint32(); ok {
			return []byte(strings.Replace(string(good), string(r.ID.Append(nil)), strconv.FormatUint(uint64(n), 10), 1))
		}
	case TextCode:
		code := strconv.Itoa(int(r.Code))
		return []byte(strings.Replace(string(good), `"code":`+code, `"code":"`+code+`"`, 1))
	case NoData:
		return append([]byte(strings.TrimSuffix(string(good), `,"data":{}}`)), '}')
	case NotJSON:
		return good[:len(good)/2]
	}
	return good
}
