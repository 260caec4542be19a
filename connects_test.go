package aliiot

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/aliiot/aliiot/fsm"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestConnectsAreReadAsWritten(t *testing.T) {
	r := connectRecord{disktest.New().FS(), slog.New(slog.DiscardHandler)}
	for _, want := range []fsm.ConnRecord{
		{Boot: 1<<64 - 1, Connects: []time.Duration{0, time.Second, 1<<63 - 1}},
		{Boot: 7},
	} {
		r.Save(want)
		if got := r.Load(); got.Boot != want.Boot || !slices.Equal(got.Connects, want.Connects) {
			t.Errorf("read %v, written %v", got, want)
		}
	}
}

func TestConnectsThatAreDamagedCountAsNone(t *testing.T) {
	for _, text := range []string{"", "[]", `{"boot":-1}`, `{"boot":1,"connects":["x"]}`, `{"boot":1,"connects":{}}`, `{"boot":1`} {
		d := disktest.New()
		d.Put(connectsFile, []byte(text))
		r := connectRecord{d.FS(), slog.New(slog.DiscardHandler)}
		if got := r.Load(); got.Boot != 0 || len(got.Connects) != 0 {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
