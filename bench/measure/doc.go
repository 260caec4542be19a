// Package measure times things beside each other: in short slices of one process,
// as ratios to a limit that is taken in the same moment. Whatever else the machine
// does then meets both alike.
package measure
