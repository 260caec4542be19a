//go:build race

package aliiot

// underRace: the race detector takes several times the memory of what it watches.
const underRace = true
