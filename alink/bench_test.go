package alink

import "testing"

var (
	benchParams = []byte(`{"lat":36.8612,"lon":30.7133,"alt":12.5,"speed":3.4,"course":271.0,"sat":9}`)
	sink        int
)

// TestAllocations holds what every report and every reply goes through to no
// allocation at all, beside the id and the method that a parsed reply keeps, and
// the pool of json.Valid, which forgets at random under the race detector.
func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 1024)
	reply := []byte(`{"id":"123","code":200,"data":{},"message":"success","method":"thing.event.property.post","version":"1.0"}`)
	topic := Topic{Kind: EventPost, Device: Device{"a1B2c3D4e5F", "device01"}, Name: "sos"}
	text := topic.String()
	answer := Reply{ID: NewID(5), Code: 200, Message: "success", Data: []byte(`{"a":1}`)}
	for _, c := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"AppendPropertyPost", 0, func() { sink += len(AppendPropertyPost(dst, 7, benchParams, 1524448722000, PostOptions{Ack: true})) }},
		{"AppendEventPost", 0, func() { sink += len(AppendEventPost(dst, 7, benchParams, 1524448722000, PostOptions{Ack: true})) }},
		{"AppendReply", 0, func() { sink += len(AppendReply(dst, answer)) }},
		{"Topic.Append", 0, func() { sink += len(topic.Append(dst)) }},
		{"Topic.String", 1, func() { sink += len(topic.String()) }},
		{"ParseTopic", 0, func() { top, _ := ParseTopic(text); sink += len(top.Name) }},
		{"ParseReply", 3, func() { r, _ := ParseReply(reply); sink += int(r.Code) }},
	} {
		if got := testing.AllocsPerRun(200, c.run); got > c.max {
			t.Errorf("%s allocates %v times, want %v", c.name, got, c.max)
		}
	}
}

func BenchmarkAppendPropertyPost(b *testing.B) {
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		sink += len(AppendPropertyPost(dst, 7, benchParams, 1524448722000, PostOptions{Ack: true}))
	}
}

func BenchmarkParseTopic(b *testing.B) {
	s := "/sys/a1B2c3D4e5F/device01/thing/event/property/post_reply"
	b.ReportAllocs()
	for b.Loop() {
		t, _ := ParseTopic(s)
		sink += int(t.Kind)
	}
}

func BenchmarkParseReply(b *testing.B) {
	s := []byte(`{"id":"123","code":200,"data":{},"message":"success","method":"thing.event.property.post","version":"1.0"}`)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := ParseReply(s)
		sink += int(r.Code)
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := map[string]any{"GeoLocation": geo{30.7133, 36.8612, 12.5, 1}, "speed": 3.4, "sat": 9}
	b.ReportAllocs()
	for b.Loop() {
		j, _ := Marshal(v)
		sink += len(j)
	}
}
