package alink

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// SignMethod is the HMAC that signs a connection.
type SignMethod string

// The methods of the platform (D20, N12, C41). Where a client id names none, it
// is hmacmd5 (D20).
const (
	HMACMD5    SignMethod = "hmacmd5"
	HMACSHA1   SignMethod = "hmacsha1"
	HMACSHA256 SignMethod = "hmacsha256"
)

// ParseSignMethod reads a method without regard to case: the documents spell it
// hmacmd5, HmacMD5 and hmacMd5. The error is a *NameError.
func ParseSignMethod(s string) (SignMethod, error) {
	m := SignMethod(strings.ToLower(s))
	if m.hash() == nil {
		return "", &NameError{What: "sign method", Name: s, Reason: "is none of hmacmd5, hmacsha1, hmacsha256"}
	}
	return m, nil
}

func (m SignMethod) hash() func() hash.Hash {
	switch m {
	case HMACMD5:
		return md5.New
	case HMACSHA1:
		return sha1.New
	case HMACSHA256:
		return sha256.New
	}
	return nil
}

// Sign signs fields with key: the HMAC, in lower-case hex, over names and values
// without separators, in the order of the names (D20, N12, C41). A connection
// signs clientId (the part before the first bar), deviceName, productKey and, if
// it is announced, timestamp; a registration deviceName, productKey and random.
// The error is a *NameError for an unknown method.
func Sign(m SignMethod, key Secret, fields map[string]string) (string, error) {
	h := m.hash()
	if h == nil {
		return "", &NameError{What: "sign method", Name: string(m), Reason: "is none of hmacmd5, hmacsha1, hmacsha256"}
	}
	mac := hmac.New(h, []byte(key))
	for _, name := range sortedNames(fields) {
		mac.Write([]byte(name))
		mac.Write([]byte(fields[name]))
	}
	return hex.EncodeToString(mac.Sum(nil)), nil
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
