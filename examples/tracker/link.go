package main

import (
	"strings"
	"time"

	"github.com/aliiot/aliiot"
)

// What the device's notices say, in words for a person.

// reasons are the words for why a session ended.
var reasons = map[string]string{
	"lost":         "the connection is lost",
	"silent":       "the platform owes answers for too long",
	"displaced":    "another client has taken the session",
	"login_again":  "the platform wants a new login",
	"disconnected": "as it was asked to",
	"restarting":   "its actor is being restarted",
}

func offlineText(text string) string {
	if words, ok := reasons[strings.TrimPrefix(text, "offline: ")]; ok {
		return "offline: " + words
	}
	return text
}

// notice tells what the device had to tell, and then notes it: who waits for the
// change speaks after us.
func (d *driver) notice(n news) {
	if d.atRest.Load() {
		return // the log is through: what follows is opening and closing of ours
	}
	d.mu.Lock()
	online, first, lost := d.online, d.sessions == 0, d.lost
	d.mu.Unlock()
	switch n.Notice {
	case aliiot.NoticeOnline:
		switch {
		case first:
			d.out.happened(aboutLink, "online; %s", wait(d.waitingNow()))
		case !lost.IsZero() && time.Since(lost) > 100*time.Millisecond:
			d.out.happened(aboutLink, "online again after %s; %s", seconds(time.Since(lost)), wait(d.waitingNow()))
		default:
			d.out.happened(aboutLink, "online again; %s", wait(d.waitingNow()))
		}
		d.change(func() {
			if !d.online {
				d.sessions++
			}
			d.online, d.lost = true, time.Time{}
		})
	case aliiot.NoticeOffline:
		if online || !d.o.emulated() {
			d.out.happened(aboutLoss, "%s", offlineText(n.Text))
		}
		d.change(func() {
			if d.online {
				d.lost = time.Now()
			}
			d.online = false
		})
	case aliiot.NoticeDialFailed:
		if !d.o.emulated() { // there we break the link ourselves, and say so
			d.out.happened(aboutLoss, "%s", n.Text)
		}
	case aliiot.NoticeRefused:
		d.out.happened(aboutLoss, "%s; look at --product-key, --device-name and --device-secret", n.Text)
	default:
		d.out.happened(aboutCrash, "%s", n.Text)
	}
}
