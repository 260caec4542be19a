package actors

import (
	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/outbox"
)

// render makes the topic and payload of a report, at the moment it is sent: the
// journal keeps meanings, not messages.
func (o *outboxActor) render(s *outbox.Send) (topic string, payload []byte) {
	t := alink.Topic{Kind: alink.PropertyPost, Device: o.tree.opts.Device}
	silent := o.tree.opts.Confirm == ConfirmPuback
	post := alink.PostOptions{Ack: !silent, Silent: silent}
	buf := make([]byte, 0, len(s.Item.Params)+256)
	if s.Item.Kind == outbox.KindEvent {
		t.Kind, t.Name = alink.EventPost, s.Item.Name
		return t.String(), alink.AppendEventPost(buf, s.ID, s.Item.Params, s.Time, post)
	}
	return t.String(), alink.AppendPropertyPost(buf, s.ID, s.Item.Params, s.Time, post)
}

// verdictOf translates the platform's code table for the core, which knows no
// codes. Of a post only 200 is a yes: what says yes to other messages, such as an
// OTA push, is no answer to it that could be read, and such a one is final.
func verdictOf(c alink.Code) outbox.Verdict {
	if c == alink.CodeSuccess {
		return outbox.OK
	}
	switch c.Verdict() {
	case alink.Retry:
		if c == codeThrottled || c == codeThrottledTSL {
			return outbox.Throttled
		}
		return outbox.Retry
	case alink.Split:
		return outbox.Split
	case alink.Login:
		return outbox.Login
	}
	return outbox.Final
}

// The codes that ask for less of everything, not just for this report later.
const (
	codeThrottled    alink.Code = 429
	codeThrottledTSL alink.Code = 6452
)
