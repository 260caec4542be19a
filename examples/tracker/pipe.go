package main

import (
	"time"

	"github.com/aliiot/aliiot"
	"github.com/aliiot/aliiot/bench/oracle"
)

// The driver and the device's process talk in JSON lines over stdin and stdout:
// orders go down, answers with the order's number and news without one come up.
// So what was asked for and what was told is known outside of the process that
// is going to be killed.

type orderKind string

const (
	orderOpen    orderKind = "open"    // open the folder
	orderConnect orderKind = "connect" // begin to connect, and tell of it
	orderReport  orderKind = "report"  // make a report
	orderLedger  orderKind = "ledger"
	orderPanic   orderKind = "panic" // let an actor panic at its next message
	orderHint    orderKind = "hint"  // the modem says that the network is back
	orderClose   orderKind = "close" // close the folder and end
)

type order struct {
	Number uint64    `json:"number"`
	Kind   orderKind `json:"kind"`

	Open   *setup  `json:"open,omitempty"`
	Report *report `json:"report,omitempty"`
	Actor  string  `json:"actor,omitempty"` // of orderPanic
}

// setup is what a device's process is told at its start. The secret goes through
// the pipe, for a command line or an environment can be read by others.
type setup struct {
	ProductKey, DeviceName, Secret string

	Server  string
	Dir     string
	Confirm aliiot.Confirm
	Silence time.Duration // 0: the default
	NoQuota bool          // a broker of one's own
}

type newsKind string

const (
	newsAnswer newsKind = "answer" // to an order
	newsLedger newsKind = "ledger" // every so often
	newsNotice newsKind = "notice" // something that the device has to tell
	newsActor  newsKind = "actor"  // an actor panicked as it was told
)

type news struct {
	Kind  newsKind `json:"kind"`
	To    uint64   `json:"to,omitempty"`    // the order that it answers
	Error string   `json:"error,omitempty"` // of an answer
	// Unknown says of an error that the report may have been kept all the same.
	Unknown bool   `json:"unknown,omitempty"`
	Locked  bool   `json:"locked,omitempty"` // another process has the folder
	Seq     uint64 `json:"seq,omitempty"`    // of a report that was kept

	Ledger   *ledger           `json:"ledger,omitempty"`
	Restarts uint64            `json:"restarts,omitempty"` // of actors, with the ledger
	Traffic  traffic           `json:"traffic,omitzero"`   // with the ledger
	Volatile string            `json:"volatile,omitempty"` // the folder's file system, where it keeps nothing
	Notice   aliiot.NoticeKind `json:"notice,omitempty"`
	Text     string            `json:"text,omitempty"`
}

// ledger is the device's account in the oracle's words. It is made from the
// JSON of aliiot.Ledger, whose names it shares.
type ledger struct {
	oracle.Counts
	Lanes map[string]oracle.Counts `json:"lanes"`
}

// waiting is what is pending and can move.
func (l ledger) waiting() int64 { return l.Pending - l.Quarantined - l.Unreadable }
