package journal

import "encoding/binary"

// decoder reads variable-length numbers from bytes that may be anything. After
// the first fault every read returns zero, and bad stays true.
type decoder struct {
	p   []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.p)
	if n <= 0 {
		d.bad, d.p = true, nil
		return 0
	}
	d.p = d.p[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.p)
	if n <= 0 {
		d.bad, d.p = true, nil
		return 0
	}
	d.p = d.p[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.p) == 0 {
		d.bad = true
		return 0
	}
	b := d.p[0]
	d.p = d.p[1:]
	return b
}

func (d *decoder) fixed64() uint64 {
	if len(d.p) < 8 {
		d.bad, d.p = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint64(d.p)
	d.p = d.p[8:]
	return v
}

// count reads how many things follow, each of at least size bytes: a count that
// cannot be true is a fault before anything is allocated by it.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.p)/size) {
		d.bad, d.p = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) text(limit int) string {
	n := d.count(1)
	if n > limit {
		d.bad, d.p = true, nil
		return ""
	}
	s := string(d.p[:n])
	d.p = d.p[n:]
	return s
}

func appendText(b []byte, s string) []byte {
	return append(appendUint(b, uint64(len(s))), s...)
}

// appendUint is binary.AppendUvarint, whose loop would be copied into each of some
// forty places: 14 KB of a device's binary.
//
//go:noinline
func appendUint(b []byte, x uint64) []byte { return binary.AppendUvarint(b, x) }

//go:noinline
func appendInt(b []byte, x int64) []byte { return binary.AppendVarint(b, x) }
