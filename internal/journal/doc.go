// Package journal is an outbox.Store on a disk: one log for all lanes, in
// segments, behind the seam of package disk.
//
// The bytes and the rules of recovery are in FORMAT.md beside this file. Two
// ideas carry the rest. What has ended is a set of ordinals per lane, which
// merges as a queue drains, so that neither memory nor a header grows with what
// waits. And the journal keeps two states, one of all that was written and one
// of what is durable, so that after a failed sync, or at an opening, it can
// write a new segment that says just what may be promised.
package journal
