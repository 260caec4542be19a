package emulator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/emulator"
)

func TestParseFault(t *testing.T) {
	bubble(t, func(t *testing.T, e *emulator.Emulator) {
		c := connectAuto(t, e)
		f, err := emulator.ParseFault("code-final code=6306 contains=k7 times=2 for=1m device=" + c.dev.String())
		if err != nil {
			t.Fatal(err)
		}
		e.Inject(f)
		for _, x := range []struct {
			key  string
			want alink.Code
		}{{"k6", 200}, {"k7", 6306}, {"k7", 6306}, {"k7", 200}} {
			c.post(1, `{"key":"`+x.key+`"}`)
			if r := c.reply(); r.Code != x.want {
				t.Errorf("%s: %d, want %d", x.key, r.Code, x.want)
			}
		}
		if f, err = emulator.ParseFault("connack-refused code=5 for=30s"); err != nil {
			t.Fatal(err)
		}
		e.Inject(f)
		if _, err := try(t, e, c.dev, dial{}); refusedWith(t, err) != 5 {
			t.Error(err)
		}
		time.Sleep(30 * time.Second)
		if _, err := try(t, e, c.dev, dial{}); err != nil {
			t.Error(err)
		}
	})
	for _, name := range emulator.FaultNames() {
		if f, err := emulator.ParseFault(name); err != nil || f.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, part := range map[string]string{
		"":                          "there is no fault",
		"reply-lots":                "there is no fault",
		"reply-lost rate=1.5":       `its rate "1.5" is not a number above 0`,
		"reply-lost rate":           "it cannot have",
		"reply-lost copies=2":       "it cannot have",
		"reply-twice copies=0":      `its copies "0" is not`,
		"reply-late delay=-1s":      `its delay "-1s" is not`,
		"own-ghost delay=reconnect": `its delay "reconnect" is not`,
		"connack-refused code=200":  `its code "200" is above`,
		"reply-wrong-shape shape=x": `its shape "x" is none`,
		"reply-unknown-id id=-1":    `its id "-1" is not`,
	} {
		_, err := emulator.ParseFault(text)
		var bad *emulator.FaultError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, want it to say %q", text, err, part)
		}
	}
}

func TestFaultsAreExplained(t *testing.T) {
	for _, h := range emulator.FaultHelps() {
		if h.Does == "" {
			t.Errorf("nothing says what %s does", h.Name)
		}
		_, err := emulator.ParseFault(h.Name + " nonsense=1")
		if own := "for, " + h.Word + ","; err == nil || h.Word != "" && !strings.Contains(err.Error(), own) {
			t.Errorf("%s: %v, without its word %q", h.Name, err, h.Word)
		}
		if (h.Word == "") != (h.Value == "") {
			t.Errorf("%s: the word %q has the value %q", h.Name, h.Word, h.Value)
		}
	}
}
