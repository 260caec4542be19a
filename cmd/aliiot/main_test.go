package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aliiot/aliiot/alink"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aliiot": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":       await,
			"distrust":    distrust,
			"follow":      follow,
			"hold":        hold,
			"letgo":       letgo,
			"post":        post,
			"quarantined": quarantined,
		},
	})
}

// await FILE PATTERN waits until a file has a line that fits.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			ts.Fatalf("%s never had %s: %s (%v)", args[0], args[1], text, err)
		}
	}
}

// post FILE N connects with what the emulator printed into FILE and posts N
// reports, each with its number.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post FILE N")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	said := func(what string) string {
		m := regexp.MustCompile(`(?m)^  ` + what + ` +(\S+)$`).FindSubmatch(text)
		if m == nil {
			ts.Fatalf("%s does not say %s", args[0], what)
		}
		return string(m[1])
	}
	dev := alink.Device{ProductKey: said("product key"), DeviceName: said("device name")}
	cred, err := alink.DeviceCredentials(dev, alink.Secret(said("device secret")),
		alink.ConnectOptions{SecureMode: alink.SecurePlain, AutoSubscribe: true})
	ts.Check(err)
	server, err := url.Parse(said("plain"))
	ts.Check(err)
	replies := make(chan struct{}, 100)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + server.Host).SetProtocolVersion(4).SetAutoReconnect(false).
		SetClientID(cred.ClientID).SetUsername(cred.Username).SetPassword(string(cred.Password)).
		SetDefaultPublishHandler(func(paho.Client, paho.Message) { replies <- struct{}{} }))
	tok := c.Connect()
	tok.Wait()
	ts.Check(tok.Error())
	defer c.Disconnect(100)
	n := 0
	_, err = fmt.Sscan(args[1], &n)
	ts.Check(err)
	for i := range n {
		params := fmt.Appendf(nil, `{"lane":"default","n":%d}`, i+1)
		c.Publish(alink.Topic{Kind: alink.PropertyPost, Device: dev}.String(), 0, false,
			alink.AppendPropertyPost(nil, uint32(i), params, 0, alink.PostOptions{}))
		select {
		case <-replies:
		case <-time.After(patience):
			ts.Fatalf("report %d was not answered", i+1)
		}
	}
}

// follow FILE [SCHEME] runs the command for the smallest device that the emulator printed
// into FILE, but for the compiling, which is done once and elsewhere.
func follow(ts *testscript.TestScript, neg bool, args []string) {
	scheme := "mqtt"
	if len(args) == 2 {
		scheme = args[1]
	}
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: follow FILE [SCHEME]")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	command := regexp.MustCompile(`(?m)^  .*ALIIOT_SERVER=` + scheme + `:.*\\\n.*\\\n    go run \./examples/minimal$`).FindString(string(text))
	if command == "" {
		ts.Fatalf("%s has no command for the smallest device:\n%s", args[0], text)
	}
	minimal := ts.MkAbs("smallest")
	build := exec.Command("go", "build", "-o", minimal, "../../examples/minimal")
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("go build: %v\n%s", err, out)
	}
	ts.Check(ts.Exec("sh", "-c", strings.Replace(command, "go run ./examples/minimal", minimal, 1)))
}

// distrust FILE connects to the TLS listener that is printed in FILE without its CA.
func distrust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: distrust FILE")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	m := regexp.MustCompile(`(?m)^  TLS +mqtts://(\S+)$`).FindSubmatch(text)
	if m == nil {
		ts.Fatalf("%s has no TLS listener", args[0])
	}
	c, err := tls.Dial("tcp", string(m[1]), &tls.Config{RootCAs: x509.NewCertPool()})
	if err == nil {
		_ = c.Close()
		ts.Fatalf("its certificate was trusted")
	}
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	var out, complaints bytes.Buffer
	status := run(t.Context(), []string{"emulator", "--mqtt", "127.0.0.1:0", "--for", "1ms", "--journal", filepath.Join(t.TempDir(), "no", "file")}, &out, &complaints)
	if status != exitFailed || !bytes.Contains(complaints.Bytes(), []byte("opening the journal")) {
		t.Errorf("status %d: %s", status, &complaints)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 replies", 1: "1 reply", 2: "2 replies"} {
		if got := count(n, "reply"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := count(3, "message"); got != "3 messages" {
		t.Error(got)
	}
}
