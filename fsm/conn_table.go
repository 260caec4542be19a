package fsm

// ConnState is a state of the connection. The names go into logs, metrics and
// the status; they never change.
type ConnState string

const (
	ConnStopped     ConnState = "stopped"
	ConnConnecting  ConnState = "connecting"
	ConnSubscribing ConnState = "subscribing"
	ConnOnline      ConnState = "online"
	ConnWaiting     ConnState = "waiting"
	ConnRefused     ConnState = "refused"
	ConnDisplaced   ConnState = "displaced"
)

// ConnMove is a move of the connection's table.
type ConnMove string

const (
	MoveDial      ConnMove = "dial"
	MoveHold      ConnMove = "hold"
	MoveAccept    ConnMove = "accept"
	MoveSubscribe ConnMove = "subscribe"
	MoveFail      ConnMove = "fail"
	MoveRefuse    ConnMove = "refuse"
	MoveLose      ConnMove = "lose"
	MoveDisplace  ConnMove = "displace"
	MoveStop      ConnMove = "stop"
)

var connRules = []Rule[ConnState, ConnMove]{
	{MoveDial, []ConnState{ConnStopped, ConnWaiting, ConnRefused, ConnDisplaced}, ConnConnecting},
	{MoveHold, []ConnState{ConnStopped}, ConnWaiting},
	{MoveAccept, []ConnState{ConnConnecting}, ConnSubscribing},
	{MoveSubscribe, []ConnState{ConnSubscribing}, ConnOnline},
	{MoveFail, []ConnState{ConnConnecting, ConnSubscribing}, ConnWaiting},
	{MoveRefuse, []ConnState{ConnConnecting}, ConnRefused},
	{MoveLose, []ConnState{ConnConnecting, ConnSubscribing, ConnOnline}, ConnWaiting},
	{MoveDisplace, []ConnState{ConnConnecting, ConnSubscribing, ConnOnline}, ConnDisplaced},
	{MoveStop, []ConnState{ConnConnecting, ConnSubscribing, ConnOnline, ConnWaiting, ConnRefused, ConnDisplaced}, ConnStopped},
}

// What each state means, for docs/states.md.
var connStateMeaning = map[ConnState]string{
	ConnStopped:     "nobody wants a connection; nothing is dialled and no timer runs",
	ConnConnecting:  "one attempt is under way, from name resolution to CONNACK",
	ConnSubscribing: "accepted by the broker; the subscriptions are not confirmed yet, so nothing is published",
	ConnOnline:      "reports flow (after a quiet connect: ten seconds later)",
	ConnWaiting:     "the link failed; the next attempt comes after a jittered backoff, at most five a minute",
	ConnRefused:     "the broker refused these credentials or this product: long backoff, the application is told, and it is tried again all the same",
	ConnDisplaced:   "another client seems to use this identity: backoff at the cap until a session has lasted a stable minute",
}

// What each move stands for, for docs/states.md.
var connMoveMeaning = map[ConnMove]string{
	MoveDial:      "the wait is over, or the application or the modem asked, and the record of the last connects allows it",
	MoveHold:      "the application asked, but five connects lie within the last minute (perhaps of the process before)",
	MoveAccept:    "CONNACK 0",
	MoveSubscribe: "SUBACK for the subscriptions; a refused one is told",
	MoveFail:      "the attempt or its SUBSCRIBE failed, ran out of time, or met a captive portal",
	MoveRefuse:    "CONNACK with a code that blames the credentials or the product",
	MoveLose:      "the session ended: closed by the peer, broken, silent, or to log in again",
	MoveDisplace:  "closed by the peer within a minute of CONNACK for the third time running, the last time without having published",
	MoveStop:      "the application asked to disconnect",
}

const connTableName = "connection"

// newConnTable is the table unchecked: the check is 10 KB, and what it finds does not
// depend on the device. StatesDocument, and so a test, checks it.
func newConnTable() *Table[ConnState, ConnMove] {
	return newTable(connTableName, ConnStopped, connRules)
}
