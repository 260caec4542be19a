package emulator

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// codeTime says that a report's time is not one (D20).
const codeTime alink.Code = 6326

// refusal is why a post is not taken.
type refusal struct {
	code alink.Code
	text string
}

// post takes a report of any form: all of it, or none. It is stored before it is
// answered.
func (e *Emulator) post(s *session, topic alink.Topic, m Message, item Item) {
	req, err := alink.ParseRequest(m.Payload)
	item.ID = req.ID
	m.ID = req.ID
	var items []Item
	var no refusal
	if err != nil {
		no = refusal{code: alink.CodeNotJSON, text: err.Error()}
		var bad *alink.EnvelopeError
		if errors.As(err, &bad) && bad.Member != "" {
			no.code = alink.CodeParameter
		}
		item.Kind, item.Params = kindOfPost(topic.Kind), m.Payload
	} else {
		items, no = itemsOf(topic, req.Params, item)
		if len(items) > 0 {
			m.Lane, m.Number = items[0].Lane, items[0].Number
		}
	}
	if no.code == 0 {
		for _, name := range []string{Code429, CodeFinal} {
			if f := e.hit(name, m); f != nil && no.code == 0 {
				no = refusal{code: f.code, text: name}
			}
		}
	}
	code := alink.CodeSuccess
	if no.code != 0 {
		code = no.code
		if len(items) == 0 {
			item.Kind, item.Params = kindOfPost(topic.Kind), slices.Clone(req.Params)
			items = []Item{item}
		}
		e.record.trouble(Trouble{At: item.At, Device: item.Device, Code: code, Topic: m.Topic, Text: no.text})
	}
	for _, it := range items {
		it.Code = code
		e.store(s.dev, it)
	}
	e.answer(s, topic, m, req, code)
}

func kindOfPost(k alink.Kind) ItemKind {
	if k == alink.EventPost {
		return KindEvent
	}
	return KindProperty
}

// store gives an item its arrival number and puts it into the record.
func (e *Emulator) store(dev *device, it Item) {
	it.Params = slices.Clone(it.Params)
	it.Hash = hashOf(it.Params)
	if it.Code == alink.CodeSuccess {
		dev.arrivals++
		it.Arrival = dev.arrivals
	}
	e.record.item(it, e.log)
	e.signal()
}

// itemsOf takes a post apart into the reports that it carries. One property post
// and one event are one item each; in packed forms each event is one, and so is
// each property value with its time.
func itemsOf(topic alink.Topic, params []byte, base Item) ([]Item, refusal) {
	b := builder{base: base, latest: base.At.Add(alink.MaxFuture).UnixMilli()}
	switch topic.Kind {
	case alink.PropertyPost:
		b.properties(params)
	case alink.EventPost:
		b.event(topic.Name, params)
	case alink.PropertyBatchPost:
		b.batch(params)
	case alink.PropertyPackPost:
		b.pack(params)
	case alink.PropertyHistoryPost:
		b.history(params)
	}
	return b.items, b.no
}

// builder collects the items of one post and the first reason to refuse it.
type builder struct {
	base   Item
	latest int64 // the time beyond which a report is from the future, in milliseconds
	items  []Item
	no     refusal
}

func (b *builder) refuse(code alink.Code, text string) {
	if b.no.code == 0 {
		b.no = refusal{code, text}
	}
}

func (b *builder) add(kind ItemKind, name string, params []byte, wireTime int64) {
	it := b.base
	it.Kind, it.Name, it.Params, it.WireTime = kind, name, params, wireTime
	it.Lane, it.Number = markOf(params)
	b.items = append(b.items, it)
	if wireTime > b.latest {
		b.refuse(codeTime, "time is more than 24 h ahead")
	}
}

// properties is {"name":value,…} or {"name":{"value":…,"time":…},…}.
func (b *builder) properties(params []byte) {
	values, err := alink.ParseProperties(params)
	if err != nil {
		b.refuse(alink.CodeParameter, err.Error())
		return
	}
	if len(values) > alink.MaxProperties {
		b.refuse(alink.CodeProperties, "more than 200 properties")
	}
	newest := int64(0)
	for _, v := range values {
		newest = max(newest, v.Time)
	}
	b.add(KindProperty, "", params, newest)
}

func (b *builder) event(name string, params []byte) {
	output, ms, err := alink.ParseEvent(params)
	if err != nil {
		b.refuse(alink.CodeParameter, err.Error())
		return
	}
	b.add(KindEvent, name, output, ms)
}

// object and list read what a pack is made of.
func (b *builder) read(raw json.RawMessage, into any) bool {
	if len(raw) == 0 {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		b.refuse(alink.CodeParameter, err.Error())
		return false
	}
	return true
}

type identity struct {
	ProductKey string `json:"productKey"`
	DeviceName string `json:"deviceName"`
}

type pack struct {
	Identity   identity        `json:"identity"`
	Properties json.RawMessage `json:"properties"`
	Events     json.RawMessage `json:"events"`
	SubDevices []pack          `json:"subDevices"`
}

// batch is {"properties":{"name":[{value,time},…]},"events":{"name":[{value,time},…]}}.
func (b *builder) batch(params []byte) {
	var p pack
	if !b.read(params, &p) {
		return
	}
	var properties, events map[string][]json.RawMessage
	if b.read(p.Properties, &properties) {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			for _, v := range properties[name] {
				b.value(name, v)
			}
		}
	}
	if b.read(p.Events, &events) {
		for _, name := range slices.Sorted(maps.Keys(events)) {
			for _, v := range events[name] {
				b.event(name, v)
			}
		}
	}
}

// value is one property with its time, as an item of its own.
func (b *builder) value(name string, v json.RawMessage) {
	key, _ := json.Marshal(name) // a string always can be
	one := append(append(append([]byte{'{'}, key...), ':'), v...)
	one = append(one, '}')
	values, err := alink.ParseProperties(one)
	if err != nil || len(values) != 1 {
		b.refuse(alink.CodeParameter, "property "+name)
		return
	}
	b.add(KindProperty, name, one, values[0].Time)
}

// pack is a gateway's own values and events, and those of its sub-devices.
func (b *builder) pack(params []byte) {
	var p pack
	if !b.read(params, &p) {
		return
	}
	if len(p.SubDevices) > alink.MaxPackDevices {
		b.refuse(6357, "more than 20 sub-devices")
	}
	for _, one := range append([]pack{p}, p.SubDevices...) {
		if len(one.Properties) > 0 && string(one.Properties) != "{}" {
			b.properties(one.Properties)
		}
		var events map[string]json.RawMessage
		if b.read(one.Events, &events) {
			if len(events) > alink.MaxPackEvents {
				b.refuse(6356, "more than 20 events")
			}
			for _, name := range slices.Sorted(maps.Keys(events)) {
				b.event(name, events[name])
			}
		}
	}
}

// history is a list of identities, each with lists of values and events.
func (b *builder) history(params []byte) {
	var all []pack
	if !b.read(params, &all) {
		return
	}
	for _, p := range all {
		var properties, events []json.RawMessage
		if b.read(p.Properties, &properties) {
			for _, one := range properties {
				b.properties(one)
			}
		}
		if !b.read(p.Events, &events) {
			continue
		}
		for _, raw := range events {
			var one map[string]json.RawMessage
			if b.read(raw, &one) {
				for _, name := range slices.Sorted(maps.Keys(one)) {
					b.event(name, one[name])
				}
			}
		}
	}
}

// markOf reads the running number and the lane that a report may carry among its
// parameters, "lane" and "n", bare or wrapped.
func markOf(params []byte) (lane string, n uint64) {
	values, err := alink.ParseProperties(params)
	if err != nil {
		return "", 0
	}
	for _, v := range values {
		switch v.Name {
		case "lane":
			_ = json.Unmarshal(v.Value, &lane) // what is no text is no lane
		case "n":
			_ = json.Unmarshal(v.Value, &n)
		}
	}
	return lane, n
}

// timeOf is for people: a report's own time, the zero Time where it has none.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
