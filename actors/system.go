package actors

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// NewSystem makes an ActorSystem that works on every platform Go builds for.
//
// protoactor's registry spreads names over 1,024 buckets by a signed remainder,
// which is negative for half of all names where int has 32 bits (arm, mips,
// 386): Spawn and every future panic there. One bucket has no such remainder,
// and saves 2 MB. An application that brings its own system makes it here.
func NewSystem(log *slog.Logger) *actor.ActorSystem {
	s := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	m := s.ProcessRegistry.LocalPIDs
	m.LocalPIDs = append(m.LocalPIDs[:0:0], m.LocalPIDs[0]) // a copy, so that the other 1,023 are collected
	s.ProcessRegistry.Add(s.DeadLetter, "deadletter")
	s.ProcessRegistry.Add(actor.NewEventStreamProcess(s), "eventstream")
	return s
}

// Repaired says whether a system was made by NewSystem, or does not need to be.
func Repaired(s *actor.ActorSystem) bool {
	return ^uint(0)>>32 != 0 || len(s.ProcessRegistry.LocalPIDs.LocalPIDs) == 1
}
