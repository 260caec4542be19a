// Package oracle says whether a device kept its promises. It looks at four
// records of one run, written by four witnesses: W, what the application asked
// for and was told (by the driver, outside the device's process); E, what the
// platform stored and answered; L, what the device's ledger claimed; and R,
// what it used. [Check] is a pure function over them, so that an old recording
// can be judged again, and a peer's too.
//
// It imports nothing of this module: a judge that shares code with the judged
// would share its mistakes. Times are true time in milliseconds since the Unix
// epoch (or since the start of the run: only differences matter).
package oracle
