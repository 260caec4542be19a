// Package actors is the supervision tree of one device, and the home of
// protoactor: supervised actors own the outbound queue, inbound dispatch and
// the connection, and talk in the messages of this package, which are public so
// that an application puts its own actors beside them.
//
//	device        one-for-one, backoff, budget per child
//	├── outbox      owns the journal; drives the pure core of internal/outbox
//	├── dispatch    routes what comes in
//	└── connection  drives fsm.Connection; owns the session; the only one that dials
//	device/apps   the same strategy; whoever fails too often is parked
//	└── …           what Tree.Spawn started
//
// A child's PID is its parent's id, a slash and its name; it survives restarts,
// so nobody wires anybody. Most programs use package aliiot, the face, and
// meet this one only through Spawn and the messages.
package actors
