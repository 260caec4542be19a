package actors

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// PanicError is a panic that an actor was restarted for. It answers who waited for
// the message, and reaches the supervisor with the stack of the panic.
type PanicError struct {
	Actor  string // the actor's id
	On     string // the type of the message
	Reason any
	Stack  []byte
}

func (c *PanicError) Error() string {
	return fmt.Sprintf("actors: %s panicked on %s: %v", c.Actor, c.On, c.Reason)
}

// Unwrap gives the panic's value where it was an error.
func (c *PanicError) Unwrap() error {
	err, _ := c.Reason.(error)
	return err
}

// failer is a message that carries its own way to say that it failed.
type failer interface{ fail(error) }

// Guard is the receiver middleware around every actor of the tree. When a
// message panics it answers who waits, keeps the stack (HandleFailure runs in
// another goroutine, where it is gone) and panics on for the supervisor; but it
// lets no panic out of the end of a life, where protoactor would leave an actor
// that never stops, or one that restarts for ever.
func Guard(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			crash := &PanicError{Actor: ctx.Self().Id, On: fmt.Sprintf("%T", env.Message), Reason: r, Stack: debug.Stack()}
			if m, ok := env.Message.(failer); ok {
				m.fail(crash)
			} else if env.Sender != nil {
				ctx.ActorSystem().Root.Send(env.Sender, crash)
			}
			switch env.Message.(type) {
			case *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.Terminated:
				ctx.Logger().Error("panic at the end of a life", "err", crash, "stack", string(crash.Stack))
				return
			}
			panic(crash)
		}()
		next(ctx, env)
	}
}
