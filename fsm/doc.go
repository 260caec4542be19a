// Package fsm decides what the connection does next, and does nothing itself: a
// machine takes its state, an event and the time, and returns the new state and
// a list of actions as data. The actor that owns the machine performs them.
//
// looplab/fsm serves as the table of legal moves ([Table]) and draws the picture
// in docs/states.md. No callback is ever registered with it.
package fsm
