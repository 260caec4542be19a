// Package outbox decides what to send next. It is pure: no goroutine, clock,
// file or socket; now comes in as an argument, work comes out as data ([Ready]).
// The outbox actor performs the work, and internal/journal keeps it ([Store]).
package outbox
