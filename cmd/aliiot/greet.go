package main

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"github.com/aliiot/aliiot/emulator"
)

// liner adds one line to what is printed.
type liner func(format string, args ...any)

// greet tells how to connect. The secret is printed on purpose: it is the
// emulator's own, and who runs it needs it.
func (f *emulatorFlags) greet(out io.Writer, cloud *emulator.Emulator) error {
	var b strings.Builder
	var line liner = func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("The platform is on this machine.")
	line("")
	if plain := cloud.MQTT(); plain != "" {
		line("  plain          %s", plain)
	}
	if tls := cloud.MQTTS(); tls != "" {
		line("  TLS            %s", tls)
		if f.caOut != "" {
			line("  its CA         %s", f.caOut)
		}
	}
	line("  product key    %s", f.device.ProductKey)
	line("  device name    %s", f.device.DeviceName)
	line("  device secret  %s", string(f.device.Secret))
	if f.journal != "" {
		line("  journal        %s", f.journal)
	}
	for _, fault := range f.faults {
		line("  fault          %s", fault)
	}
	line("")
	if plain := cloud.MQTT(); plain != "" {
		line("A device for it, in another terminal: the smallest one, and the tracker.")
		line("")
		f.commands(line, "", plain)
	}
	if tls := cloud.MQTTS(); tls != "" {
		f.inviteTLS(line, tls)
	}
	line("Ctrl-C ends it.")
	_, err := io.WriteString(out, b.String())
	return err
}

// inviteTLS prints the commands for the TLS listener. They work only where they are
// told of the CA, which no system knows.
func (f *emulatorFlags) inviteTLS(line liner, server string) {
	if f.caOut == "" {
		line("No device can verify its certificate: with --ca-out FILE you get its CA.")
		line("")
		return
	}
	ca, err := filepath.Abs(f.caOut)
	if err != nil {
		ca = f.caOut
	}
	env := "SSL_CERT_FILE=" + shellWord(ca) + " "
	if runtime.GOOS == "darwin" { // Go asks the system there
		line("Let this system trust the CA first: %s", ca)
		line("")
		env = ""
	}
	line("A device over TLS, in another terminal: the smallest one, and the tracker.")
	line("")
	f.commands(line, env, server)
}

// commands are those that connect a device, with more of an environment in front.
func (f *emulatorFlags) commands(line liner, env, server string) {
	pk, dn, secret := f.device.ProductKey, f.device.DeviceName, shellWord(string(f.device.Secret))
	line("  %sALIIOT_SERVER=%s ALIIOT_PRODUCT_KEY=%s \\", env, server, pk)
	line("    ALIIOT_DEVICE_NAME=%s ALIIOT_DEVICE_SECRET=%s \\", dn, secret)
	line("    go run ./examples/minimal")
	line("")
	line("  %sgo run ./examples/tracker --server %s \\", env, server)
	line("    --product-key %s --device-name %s --device-secret %s", pk, dn, secret)
	line("")
}

// shellWord is a text as a shell takes it for one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:@%+,=", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// faultTable is one fault a line: its name, what it does, its own word.
func faultTable() string {
	var b strings.Builder
	for _, h := range emulator.FaultHelps() {
		fmt.Fprintf(&b, "  %-17s %s\n", h.Name, h.Does)
		if h.Word != "" {
			fmt.Fprintf(&b, "  %-17s %s=%s\n", "", h.Word, h.Value)
		}
	}
	return b.String()
}
