// Package outbox decides what to send next. It is pure: no goroutine, clock,
// file or socket; now comes in as an argument, work comes out as data ([Ready]).
// The outbox actor performs the work, and internal/journal keeps it ([Store]).
//
// A report's way through [Core]: Submit gives it its number and Ready.Append;
// Synced makes it accepted. From there it waits in memory, if the link is up and
// there is room, or on the disk until its turn comes (Ready.Load, Loaded). Ready.Send
// puts it into the window; a reply, a PUBACK, its time to live or the policy of
// its lane ends it (Ready.Settle). Until then it is sent again under the same id
// whenever an attempt has come to nothing.
//
// By file: submit (until it is accepted), lane and latest (what waits, and what is
// given up), load, schedule (what goes next), window, replyclock (what silence
// means), reply, link, poison (what kills links), stamp and expire (time), ledger.
package outbox
