package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
)

// secretsAreKept is O17: nothing that came out of the process, and nothing in its
// folder but the secret store, holds a secret: not as it is, not quoted for JSON,
// not in hexadecimal or base 64.
func (c *court) secretsAreKept() {
	for i, secret := range c.scenario.Secrets {
		if secret == "" {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string can always be
		forms := [][]byte{
			[]byte(secret), quoted[1 : len(quoted)-1], []byte(hex.EncodeToString([]byte(secret))),
			[]byte(base64.RawStdEncoding.EncodeToString([]byte(secret))), []byte(base64.RawURLEncoding.EncodeToString([]byte(secret))),
		}
		for _, s := range c.rec.Said {
			if s.Where == InSecretStore {
				continue
			}
			for _, f := range forms {
				if bytes.Contains(s.Text, f) {
					c.say("O17", s.Name, -1, "secret %d is in a %s, at %d", i+1, s.Where, s.At) // which one, not what it is
				}
			}
		}
	}
}
