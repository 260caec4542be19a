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
	whole := "--server mqtt://h:1 --product-key p --device-name d --device-secret s"
	for _, c := range []struct {
		args string
		err  error
		says string
	}{
		{"", nil, ""},
		{"--fast", nil, ""},
		{"-real --seed 7 --dir d --report r --log l", nil, ""},
		{whole, nil, ""},
		{whole + " --confirm puback --drain 3s", nil, ""},
		{"--help", flag.ErrHelp, "Exit status"},
		{"--fast --real", errUsage, "exclude"},
		{"surplus", errUsage, `"surplus" is no flag`},
		{"--nonsense", errUsage, "not defined"},
		{"--server mqtt://h:1 --product-key p --device-name d", errUsage, "--server needs --device-secret"},
		{"--product-key p", errUsage, "--product-key goes with --server"},
		{"--drain 3s", errUsage, "--drain goes with --server"},
		{whole + " --confirm never", errUsage, "reply or puback"},
		{whole + " --drain -1s", errUsage, "negative"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var said strings.Builder
			_, err := parse(strings.Fields(c.args), &said)
			if !errors.Is(err, c.err) || !strings.Contains(said.String(), c.says) {
				t.Errorf("error %v, said %q", err, &said)
			}
		})
	}
}

func TestFlagDefaults(t *testing.T) {
	o, err := parse(nil, io.Discard)
	want := options{seed: 1, confirm: "reply", drain: 15 * time.Second}
	if err != nil || o != want {
		t.Errorf("%+v, error %v", o, err)
	}
}
