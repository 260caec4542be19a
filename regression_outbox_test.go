package aliiot

// What a hostile reader found in the way of reports to their ends, each kept from
// coming back.

import (
	"testing"
	"time"

	"github.com/aliiot/aliiot/alink"
)

// A yes to other messages, such as an OTA push, is none to a post.
func TestRegressionOnly200ConfirmsAPost(t *testing.T) {
	for _, code := range []alink.Code{0, 201, alink.CodeOTA, 78126, 12345, -1, 100005} {
		inBubble(t, func(r *rig) {
			r.cloud.set(func(p post) []byte { return reply(p, code) })
			r.online()
			r.reports(1)
			time.Sleep(10 * time.Minute)
			if c := r.ledger().Counts; c.Rejected != 1 {
				t.Errorf("after the code %d: %+v", code, c)
			}
		})
	}
}
