package oracle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Hash is what two runs of the same seed have in common: over W, E and L, sorted by
// time and key, since what coincides has no order; so its numbers as it came are
// left out, and so is what errors say.
func (r Recording) Hash() string {
	type line struct {
		at  int64
		key string
		sum [sha256.Size]byte
	}
	lines := make([]line, 0, len(r.Calls)+len(r.Events)+len(r.Snapshots))
	put := func(witness byte, at int64, key string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte(err.Error()) // no record holds what cannot be written
		}
		lines = append(lines, line{at, key, sha256.Sum256(append(b, witness))})
	}
	for _, w := range r.Calls {
		w.Error = ""
		put('w', w.At, w.Key, w)
	}
	for _, e := range r.Events {
		e.Arrival, e.Post = 0, 0
		put('e', e.At, e.Key, e)
	}
	for _, l := range r.Snapshots {
		l.Reports = slices.Clone(l.Reports)
		slices.SortFunc(l.Reports, func(a, b Report) int {
			return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Key, b.Key))
		})
		put('l', l.At, "", l)
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key), bytes.Compare(a.sum[:], b.sum[:]))
	})
	all := sha256.New()
	for _, l := range lines {
		all.Write(l.sum[:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

// sameAsBefore is O18, where the scenario knows an earlier run.
func (c *court) sameAsBefore() {
	if want := c.scenario.Hash; want != "" {
		if got := c.rec.Hash(); got != want {
			c.say("O18", "", -1, "its hash is %s, and that of an earlier run of seed %d was %s", got, c.scenario.Seed, want)
		}
	}
}
