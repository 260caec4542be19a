package transporttest_test

import (
	"testing"

	"github.com/aliiot/aliiot/transport/transporttest"
)

func TestMemory(t *testing.T) {
	pair := func(t *testing.T) transporttest.Pair {
		s := transporttest.NewServer(t)
		return transporttest.Pair{Dialer: s.Dialer(), Server: s, Address: "mqtt://memory"}
	}
	t.Run("bubble", func(t *testing.T) { transporttest.Suite(t, true, pair) })
	t.Run("real", func(t *testing.T) { transporttest.Suite(t, false, pair) })
}
