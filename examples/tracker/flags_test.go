package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	device := " --product-key p --device-name d --device-secret s"
	whole := "--server mqtt://h:1" + device
	forms := "mqtt://HOST:PORT (plain) or mqtts://HOST:PORT (TLS)"
	for _, c := range []struct {
		args string
		says string // the error, or "" for none
	}{
		{"", ""},
		{"--fast", ""},
		{"-real --seed 7 --dir d --report r --log l", ""},
		{whole, ""},
		{whole + " --confirm puback --drain 3s", ""},
		{"--server mqtts://[::1]:8883" + device, ""},
		{"--server mqtts://h" + device, ""},
		{"--fast --real", "exclude"},
		{"surplus", `"surplus" is no flag`},
		{"--nonsense", "not defined: --nonsense (--help shows the flags)"},
		{"--seed many", `invalid value "many" for flag --seed: it is a whole number from 0 on (`},
		{whole + " --drain 5", `invalid value "5" for flag --drain: it is a time such as 15s (`},
		{"--log", "flag needs an argument: --log ("},
		{"--dir=", "--dir is empty"},
		{"--server mqtt://h:1 --product-key p --device-name d", "--server needs --device-secret"},
		{"--server mqtt://h:1 --product-key p --device-name d --device-secret=", "--server needs --device-secret"},
		{"--server mqtt://h:1 --product-key a/b --device-name d --device-secret s", `--product-key "a/b" must be letters and digits`},
		{"--product-key p", "--product-key goes with --server"},
		{"--drain 3s", "--drain goes with --server"},
		{whole + " --confirm never", "reply or puback"},
		{whole + " --drain -1s", "negative"},
		{"--server h:1883" + device, "no scheme; it is " + forms},
		{"--server http://h" + device, `the scheme "http" is unknown; it is ` + forms},
		{"--server mqtt://h:65536" + device, "no port 65536; it is " + forms},
		{"--server mqtt://h:0" + device, "no port 0; it is " + forms},
		{"--server mqtt://h:x" + device, forms},
		{"--server mqtt://:1883" + device, "no host; it is " + forms},
		{"--server mqtt://u:p@h/way" + device, "more than host and port is in it; it is " + forms},
	} {
		t.Run(c.args, func(t *testing.T) {
			var said strings.Builder
			_, err := parse(strings.Fields(c.args), &said)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "\n") || said.Len() > 0 {
				t.Errorf("more than one line: %v\n%s", err, &said)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var said strings.Builder
	if _, err := parse([]string{"--help"}, &said); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"Exit status", "--server URL", "--confirm WHO", "(default reply)", "--drain LONG"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &said)
		}
	}
	for line := range strings.Lines(said.String()) {
		if len(line) > 81 {
			t.Errorf("wider than a terminal: %q", line)
		}
	}
}

func TestFlagDefaults(t *testing.T) {
	o, err := parse(nil, io.Discard)
	want := options{seed: 1, confirm: "reply", drain: 15 * time.Second}
	if err != nil || o != want {
		t.Errorf("%+v, error %v", o, err)
	}
}
