// Package oracle says whether a device kept its promises. It looks at the records of
// one run, written by witnesses of their own: W, what the application asked for and
// was told (by the driver, outside the device's process); E, what the platform
// stored and answered; L, what the device's ledger claimed; R, what it used; and,
// where somebody looked, T, the states that it went through, and S, what came out of
// it. [Recording.Check] is a pure function over them, so that an old recording can be
// judged again, and a peer's too, who keeps no ledger. [Checks] says what is asked;
// bench/oracle/recording keeps recordings in folders, and docs/json.md has their
// fields.
//
// It imports nothing of this module: a judge that shares code with the judged
// would share its mistakes. Times are true time in milliseconds since the Unix
// epoch (or since the start of the run: only differences matter).
package oracle
