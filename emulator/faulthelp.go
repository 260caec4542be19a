package emulator

import (
	"maps"
	"slices"
)

// FaultHelp says what one fault does, for people.
type FaultHelp struct {
	Name string // that of [ParseFault]
	Does string // in a few words
	// Word is the one that this fault has besides those of every fault, "" for none;
	// Value is what may stand behind its "=", with the default.
	Word, Value string
}

// helps are complete: a test compares them with what ParseFault knows.
var helps = map[string]FaultHelp{
	ReplyLost:       {Does: "stores a post and swallows its reply"},
	ReplyLate:       {Does: "holds replies back (without delay: not at all)", Word: "delay", Value: "DURATION, or reconnect: until the next session"},
	ReplyTwice:      {Does: "sends each reply again", Word: "copies", Value: "N, how often in all (2)"},
	ReplyUnknownID:  {Does: "sends a reply to an id that nobody waits for, too", Word: "id", Value: "N, always the same (drawn)"},
	ReplyWrongShape: {Does: "sends replies in another shape (all in turn)", Word: "shape", Value: "numeric-id, text-code, no-data, not-json or before-puback"},
	Code429:         {Does: "answers posts with 429 and stores nothing"},
	CodeFinal:       {Does: "answers posts with a code and stores nothing", Word: "code", Value: "N (460)"},
	PubackOnly:      {Does: "drops posts but acknowledges them"},
	SilentQuota:     {Does: "drops, silently, what is above the platform's rates"},
	ConnackRefused:  {Does: "refuses to let anybody in", Word: "code", Value: "N, the CONNACK's, up to 127 (3)"},
	SubackBad:       {Does: "refuses subscriptions with 0x80", Word: "delay", Value: "DURATION, grants them and heeds them after it"},
	Displaced:       {Does: "plays another client with the device's identity", Word: "every", Value: "DURATION, from the device's connect to its (2s)"},
	OwnGhost:        {Does: "closes a session late that was taken over", Word: "delay", Value: "DURATION (1s)"},
	PoisonReport:    {Does: "cuts the connection when a message comes"},
}

// FaultNames are the names that [ParseFault] knows, sorted.
func FaultNames() []string { return slices.Sorted(maps.Keys(named)) }

// FaultHelps explain what [ParseFault] knows, in the order of [FaultNames].
func FaultHelps() []FaultHelp {
	var all []FaultHelp
	for _, name := range FaultNames() {
		h := helps[name]
		h.Name = name
		all = append(all, h)
	}
	return all
}
