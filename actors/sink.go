package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/transport"
)

// Bounds of what may wait for dispatch, in messages. Past it a call is answered
// busy and the rest is dropped and counted.
const maxInbound = 256

// CodeBusy answers a call that the device has no room for just now. It is the
// platform's own code for throttling.
const CodeBusy alink.Code = 429

// sessionIDs is where the ids of the session's own talk begin; below it an id
// is a report's.
const sessionIDs = 1 << 31

// sink takes what one session has to say and sends it to whom it concerns. It
// runs in the session's goroutines: it parses, sends, and returns. A reply to a
// report goes straight to the outbox, so that it never queues behind commands.
type sink struct {
	tree       *Tree
	root       *actor.RootContext
	session    uint64
	outbox     *actor.PID
	dispatch   *actor.PID
	connection *actor.PID
}

func (s *sink) Message(m transport.Message) {
	if !s.tree.alive() {
		return // the session ends with the tree
	}
	s.tree.bytesInbound.Add(uint64(len(m.Payload)))
	topic, err := alink.ParseTopic(m.Topic)
	if err == nil && isPostReply(topic.Kind) {
		reply, err := alink.ParseReply(m.Payload)
		if err != nil {
			s.tree.droppedReplies.Add(1)
			return
		}
		id, ok := reply.ID.Uint32()
		if !ok { // no id of ours, whatever it is
			s.tree.unknownReplies.Add(1)
			return
		}
		if id < sessionIDs {
			s.root.Send(s.outbox, Replied{Session: s.session, ID: id, Code: int(reply.Code), Text: reply.Message})
			return
		}
	}
	if err == nil && topic.Kind == alink.NTPResponse { // a sign of life, though dispatch may be parked
		s.root.Send(s.outbox, Heard{s.session})
		s.root.Send(s.connection, Heard{s.session})
	}
	in := Inbound{Session: s.session, Topic: m.Topic, Payload: m.Payload}
	if s.tree.dispatchParked.Load() || s.tree.inbound.Add(1) > maxInbound {
		if !s.tree.dispatchParked.Load() {
			s.tree.inbound.Add(-1)
		}
		s.tree.droppedInbound.Add(1)
		if answer, ok := answerTo(in, CodeBusy, "busy"); ok && err == nil {
			s.root.Send(s.connection, answer)
		}
		return
	}
	s.root.Send(s.dispatch, in)
}

func (s *sink) Published(token uint64, level transport.Level, err error) {
	to := s.outbox
	if token == 0 || !s.tree.alive() { // not a report of the outbox's, or nobody is there
		return
	}
	s.root.Send(to, Published{Session: s.session, Token: token, Level: level, Err: err})
}

func (s *sink) Lost(err error) {
	if !s.tree.alive() {
		return
	}
	s.root.Send(s.connection, lost{s.session, err})
}

// isPostReply says whether a topic carries the answers to reports.
func isPostReply(k alink.Kind) bool {
	switch k {
	case alink.PropertyPostReply, alink.EventPostReply, alink.PropertyBatchPostReply,
		alink.PropertyHistoryPostReply, alink.PropertyPackPostReply:
		return true
	}
	return false
}

// isCall says whether the cloud waits for an answer.
func isCall(k alink.Kind) bool {
	switch k {
	case alink.PropertySet, alink.PropertyGet, alink.Service, alink.RRPCRequest, alink.ExtRRPC:
		return true
	}
	return false
}

// answerTo makes the answer to a call from the cloud: a property set, a
// service, an RRPC. It says false for what expects none.
func answerTo(in Inbound, code alink.Code, text string) (Publish, bool) {
	topic, err := alink.ParseTopic(in.Topic)
	if err != nil || !isCall(topic.Kind) {
		return Publish{}, false
	}
	to, ok := topic.Reply()
	if !ok {
		return Publish{}, false
	}
	var id alink.ID
	if req, err := alink.ParseRequest(in.Payload); err == nil {
		id = req.ID
	}
	payload := alink.AppendReply(nil, alink.Reply{ID: id, Code: code, Message: text, Data: []byte("{}")})
	return Publish{Session: in.Session, Topic: to.String(), Payload: payload}, true
}
