//go:build !race

package aliiot

const underRace = false
