// Package aliiot lets a program on a small computer live as a device on the
// Alibaba Cloud IoT Platform, and keeps every report it ever accepted, whatever
// the link, the power or a bug does.
//
// [Open] opens the device's folder and starts its actors; it never dials.
// [Device.Connect] begins to connect and keeps trying. [Device.Report] returns
// when the report is on stable storage, online or not; from then on it reaches
// the platform at least once, or ends under one of four other names. At every
// moment, across restarts and power cuts, the ledger holds:
//
//	accepted = confirmed + rejected + expired + evicted + damaged + pending
//
// What is not promised: exactly once (a power cut between the platform's yes and
// our record of it sends the report again), and order outside of lanes that ask
// for it.
package aliiot
