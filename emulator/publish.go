package emulator

import (
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aliiot/aliiot/alink"
)

// published takes one PUBLISH of a device. It tells whether a PUBACK is due.
// Replies are left in s.replies, which are sent behind it.
func (e *Emulator) published(s *session, pk packets.Packet) bool {
	dev, now := s.dev, time.Now()
	m := Message{Device: dev.id, Topic: pk.TopicName, Payload: pk.Payload, QoS: pk.FixedHeader.Qos}
	topic, err := alink.ParseTopic(m.Topic)
	m.Kind = topic.Kind

	e.mu.Lock()
	defer e.mu.Unlock()
	trouble := func(code alink.Code, text string) {
		e.record.trouble(Trouble{At: now, Device: dev.id, Code: code, Topic: m.Topic, Text: text})
		e.signal()
	}
	e.record.stats.Publishes++
	switch {
	case e.hit(PoisonReport, m) != nil:
		trouble(0, PoisonReport)
		e.end(s, PoisonReport)
		return false
	case e.overQuota(dev, m, now):
		e.record.drop(Drop{At: now, Device: dev.id, Topic: m.Topic, QoS: m.QoS, Reason: SilentQuota})
		e.signal()
		return true
	case e.hit(PubackOnly, m) != nil:
		e.record.drop(Drop{At: now, Device: dev.id, Topic: m.Topic, QoS: m.QoS, Reason: PubackOnly})
		e.signal()
		return true
	case len(m.Payload) > alink.MaxPayload:
		trouble(alink.CodeParameter, "payload above 256 KB")
		return false
	case len(m.Topic) > alink.MaxTopic:
		trouble(alink.CodeTopic, "topic above 128 bytes")
		return true
	case err != nil && ownFilter(dev.id, m.Topic):
		trouble(alink.CodeMethod, "no topic of the platform's")
		return true
	case err != nil || !mayPublish(dev.id, topic):
		trouble(alink.CodeTopicRight, "publish")
		return true
	}
	e.route(s, topic, m, now)
	return true
}

// route hands a message to whoever knows its kind.
func (e *Emulator) route(s *session, topic alink.Topic, m Message, now time.Time) {
	item := Item{
		At: now, Device: s.dev.id, Session: s.n, Topic: m.Topic, Name: topic.Name, QoS: m.QoS, Code: alink.CodeSuccess,
	}
	switch topic.Kind {
	case alink.PropertyPost, alink.EventPost, alink.PropertyBatchPost, alink.PropertyHistoryPost, alink.PropertyPackPost:
		e.post(s, topic, m, item)
		return
	case alink.NTPRequest:
		e.ntp(s, topic, m, now)
		return
	case alink.OTAInform:
		item.Kind = KindInform
	case alink.OTAProgress:
		item.Kind = KindProgress
	case alink.Custom, alink.CustomLegacy:
		item.Kind = KindCustom
	case alink.ModelUpRaw:
		item.Kind = KindRaw
	default:
		if _, answer := topic.Kind.Request(); !answer && topic.Kind != alink.ExtRRPC {
			e.record.trouble(Trouble{At: now, Device: s.dev.id, Topic: m.Topic, Text: "not emulated"})
			e.signal()
			return
		}
		item.Kind, item.MessageID = KindAnswer, topic.MessageID
	}
	if req, err := alink.ParseRequest(m.Payload); err == nil {
		item.ID = req.ID
	}
	item.Params = m.Payload
	e.store(s.dev, item)
}

// ntp answers with the platform's time, whatever a device may think that it is.
func (e *Emulator) ntp(s *session, topic alink.Topic, m Message, now time.Time) {
	sent, err := alink.ParseNTPRequest(m.Payload)
	if err != nil {
		e.record.trouble(Trouble{At: now, Device: s.dev.id, Code: alink.CodeParameter, Topic: m.Topic, Text: "deviceSendTime"})
		e.signal()
		return
	}
	to, _ := topic.Reply()
	dev := s.dev
	s.replies = append(s.replies, func() {
		body := alink.AppendNTPResponse(nil, sent, now.UnixMilli(), time.Now().UnixMilli())
		e.push(dev, to.Kind, to.String(), body)
	})
}

// overQuota tells whether the platform would drop the message without a word.
func (e *Emulator) overQuota(dev *device, m Message, now time.Time) bool {
	if !e.o.LimitPosts && e.hit(SilentQuota, m) == nil {
		return false
	}
	return !dev.quota[min(m.QoS, 1)].AllowN(now, 1)
}
