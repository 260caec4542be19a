package journal

import (
	"bytes"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/outbox"
)

// seedDisk is a small journal's folder, for fuzzing to bend.
func seedDisk(t testing.TB) (*disktest.Disk, Options) {
	d := disktest.New()
	w := newWorld(d.FS(), testOptions(4))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := w.append(uint8(i%3), many(9, 900)...); err != nil {
			t.Fatal(err)
		}
		w.settle(outbox.Rejected, w.pending()[1])
		w.sync()
	}
	return d, w.o
}

// FuzzBlock: whatever a header's bytes are, they are read or turned down, and
// what is read is written back alike.
func FuzzBlock(f *testing.F) {
	d, _ := seedDisk(f)
	for _, file := range d.Files() {
		if n, err := blockLength(file); err == nil {
			f.Add(file[:n])
			bent := bytes.Clone(file[:n])
			bent[n/2] ^= 0x40
			f.Add(reseal(bent))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, q := range [][]byte{p, reseal(bytes.Clone(p))} {
			bl, err := decodeBlock(q)
			if err != nil {
				continue
			}
			again, err := decodeBlock(bl.encode())
			if err != nil || !bytes.Equal(again.encode(), bl.encode()) {
				t.Fatalf("a block does not survive being written: %v", err)
			}
		}
	})
}

// reseal makes the check values fit, so that the fuzzer gets past them.
func reseal(p []byte) []byte {
	if len(p) < blockFixed+52 {
		return p
	}
	copy(p, blockMagic[:])
	p[8], p[9] = blockVersion, 0
	put32(p[12:], crc(0, p[:12]))
	put32(p[16:], uint32(len(p)))
	put32(p[len(p)-4:], crc(0, p[:len(p)-4]))
	return p
}

func put32(p []byte, v uint32) {
	p[0], p[1], p[2], p[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

// FuzzNotes: any payload is read to its end or turned down, and never upsets the
// ledger's identity.
func FuzzNotes(f *testing.F) {
	for _, n := range []note{
		{kind: noteEnd, ord: 3, outcome: outbox.Rejected, code: -5, sends: 2, bytes: 9},
		{kind: noteEnds, ord: 1, to: 9, outcome: outbox.Expired, bytes: 90},
		{kind: noteVoid, ord: 20, seq: 30}, {kind: noteAside, ord: 2, seq: 2, bytes: 7}, {kind: noteRelease, ord: 2},
		{kind: noteClock, clock: outbox.ClockPoint{Boot: 1, Offset: 2, Source: "ntp"}}, {kind: noteLate, seq: 4}, {kind: noteWriter, seq: 5},
	} {
		f.Add(n.append(nil))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		l := newLedger()
		for o := range uint64(10) {
			l.accept(key{0, o + 1}, o+1, 10)
		}
		decodeNotes(p, func(n *note) { l.apply(n) })
		if !l.sound() {
			t.Fatalf("the ledger does not balance after %x", p)
		}
	})
}

// FuzzFolder: whatever stands in a segment, the folder opens or says why not,
// nothing is delivered that was not stored, and the ledger balances.
func FuzzFolder(f *testing.F) {
	d, o := seedDisk(f)
	f.Add(uint16(0), uint32(0), []byte{0xff})
	f.Add(uint16(1), uint32(8192), bytes.Repeat([]byte{0}, 64))
	f.Add(uint16(1), uint32(9000), []byte{frameMagic, 2, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, file uint16, off uint32, p []byte) {
		c := d.Clone()
		name := segName(uint64(file)%3 + 1)
		data, ok := c.Files()[name]
		if !ok || len(data) == 0 || len(p) == 0 || len(p) > 4096 {
			return
		}
		at := int(off) % len(data)
		copy(data[at:], p)
		c.Put(name, data)
		j, err := Open(c.FS(), o)
		if err != nil {
			return
		}
		got, err := look(j)
		if err != nil {
			t.Fatal(err)
		}
		for seq, e := range got.pending {
			if !bytes.Equal(e.Body, bodyOf(seq, 900)) {
				t.Fatalf("report %d is not what was stored", seq)
			}
		}
		if _, err := View(c.FS(), ""); err != nil {
			t.Fatal(err)
		}
	})
}
