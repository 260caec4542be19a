package transporttest

import (
	"sync"

	"github.com/aliiot/aliiot/transport"
)

// Fate is one call of Sink.Published.
type Fate struct {
	Token uint64
	Level transport.Level
	Err   error
}

// Recorder is a Sink that remembers. Changed gets a value, without blocking,
// after each call.
type Recorder struct {
	Changed chan struct{}

	mu       sync.Mutex
	messages []transport.Message
	fates    []Fate
	lost     []error
	late     int // calls after Lost
}

// NewRecorder makes one.
func NewRecorder() *Recorder { return &Recorder{Changed: make(chan struct{}, 1)} }

func (r *Recorder) note(f func()) {
	r.mu.Lock()
	if len(r.lost) > 0 {
		r.late++
	}
	f()
	r.mu.Unlock()
	select {
	case r.Changed <- struct{}{}:
	default:
	}
}

// Message records one.
func (r *Recorder) Message(m transport.Message) {
	r.note(func() { r.messages = append(r.messages, m) })
}

// Published records one.
func (r *Recorder) Published(token uint64, level transport.Level, err error) {
	r.note(func() { r.fates = append(r.fates, Fate{token, level, err}) })
}

// Lost records it.
func (r *Recorder) Lost(err error) { r.note(func() { r.lost = append(r.lost, err) }) }

// Messages are those so far.
func (r *Recorder) Messages() []transport.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]transport.Message(nil), r.messages...)
}

// Fates are those so far.
func (r *Recorder) Fates() []Fate {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Fate(nil), r.fates...)
}

// LostErrors are the errors of all calls of Lost, of which there should be one at most.
func (r *Recorder) LostErrors() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.lost...)
}

// Late counts the calls that came after Lost, of which there should be none.
func (r *Recorder) Late() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late
}
