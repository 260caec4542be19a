package oracle

// Recording is one run, as its witnesses wrote it down.
type Recording struct {
	Scenario  Scenario
	Calls     []Call      // W: the driver
	Events    []Event     // E: the platform
	Snapshots []Snapshot  // L: the device's ledger; none is a peer that keeps none
	Resources []Resources // R
	States    []Held      // T: the device's state machines
	Said      []Said      // S: what came out of the process
}
