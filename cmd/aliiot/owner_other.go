//go:build !unix

package main

// checkOwner has nothing to compare where files have no owner's number.
func checkOwner(string) error { return nil }
