// Package transporttest is a broker in memory and the faults of its link, for
// the tests of everything that stands on package transport.
//
// A [Server] answers by its hooks. [Server.Dialer] is a transport.Dialer without
// sockets, bytes or paho, made for synctest bubbles; [Server.DialContext] and
// [Server.ServeConn] speak MQTT 3.1.1 over a connection, for transports that do.
// Both suffer the same faults, see [Fault]. [Suite] is what every transport passes.
package transporttest
