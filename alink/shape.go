package alink

import (
	"sort"
	"strings"
)

type segmentKind uint8

const (
	segLiteral segmentKind = iota
	segProduct             // {pk}
	segDevice              // {dn}
	segMessage             // {mid}
	segName                // {id}, with text behind it
	segRest                // {rest}: one or more segments, the last of a pattern
)

type segment struct {
	kind segmentKind
	text string
}

// shape is a pattern of the catalogue, cut at its slashes.
type shape struct {
	segments []segment
	rest     bool
}

var (
	// shapes is indexed by Kind.
	shapes [lastKind + 1]shape
	// byLength has the kinds of fixed length, the least vague ones first, so that
	// property/set is found before a service is; open has those that end in {rest}.
	byLength [maxSegments + 1][]Kind
	open     []Kind
)

// maxSegments is the most segments of a pattern without {rest}.
const maxSegments = 9

// reserved is what a product key cannot be, since a topic starts with it.
func reserved(first string) bool {
	switch first {
	case "sys", "ext", "ota", "shadow", "broadcast":
		return true
	}
	return false
}

func init() {
	for k := Kind(1); k <= lastKind; k++ {
		shapes[k] = cut(k.Pattern())
		if shapes[k].rest {
			open = append(open, k)
			continue
		}
		n := len(shapes[k].segments)
		byLength[n] = append(byLength[n], k)
	}
	for _, kinds := range byLength {
		sort.SliceStable(kinds, func(a, b int) bool { return shapes[kinds[a]].vague() < shapes[kinds[b]].vague() })
	}
}

func cut(pattern string) (s shape) {
	for _, part := range strings.Split(pattern[1:], "/") {
		seg := segment{text: part}
		switch {
		case part == "{pk}":
			seg = segment{kind: segProduct}
		case part == "{dn}":
			seg = segment{kind: segDevice}
		case part == "{mid}":
			seg = segment{kind: segMessage}
		case part == "{rest}":
			seg, s.rest = segment{kind: segRest}, true
		case strings.HasPrefix(part, "{id}"):
			seg = segment{kind: segName, text: part[len("{id}"):]}
		}
		s.segments = append(s.segments, seg)
	}
	return s
}

// vague is 0 where only the device varies, 1 for "{id}_reply", 2 for the rest.
func (sh shape) vague() int {
	v := 0
	for _, seg := range sh.segments {
		switch {
		case seg.kind == segName && seg.text != "":
			v = max(v, 1)
		case seg.kind == segName, seg.kind == segMessage, seg.kind == segRest:
			v = 2
		}
	}
	return v
}
