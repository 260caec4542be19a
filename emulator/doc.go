// Package emulator is the Alibaba Cloud IoT Platform on this machine: an MQTT
// broker with the platform's authentication, topics, replies, limits and quirks,
// and with its faults, which a test switches on by name.
//
//	cloud := emulator.Start(t)
//	dev := cloud.NewDevice()
//	// connect to cloud.MQTT() as dev.Device with dev.Secret
//	items, err := cloud.WaitAccepted(ctx, dev.Device, 10)
//
// It is for the tests of applications as much as for ours, and `aliiot emulator`
// runs it as a program. It keeps a record of all that it accepted, refused and
// answered: what a device believes can be held against it.
//
// With [InMemory] it needs no socket: [Emulator.DialContext] makes connections over
// buffered pipes, and everything runs in a testing/synctest bubble. Time is
// time.Now and nothing else.
//
// What is built: CONNECT, topic rights, property, event, batch, history and pack
// posts with their replies, custom topics, inform, progress, raw data, NTP.
package emulator
