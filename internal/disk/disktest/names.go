package disktest

// nameOp is a creation (to), a removal (from) or a renaming (both), not yet
// covered by a sync of the folder. The halves of a renaming stay together.
type nameOp struct {
	seq      int64
	from, to string
	node     *inode
	doubt    bool // a sync of the folder failed over it
}

// do performs the operation on a folder that may lack what went before it.
func (op nameOp) do(names map[string]*inode) {
	if op.from != "" && names[op.from] == op.node {
		delete(names, op.from)
	}
	if op.to != "" {
		names[op.to] = op.node
	}
}

// touches says whether both operations speak of one name.
func (op nameOp) touches(other nameOp) bool {
	for _, name := range []string{op.from, op.to} {
		if name != "" && (name == other.from || name == other.to) {
			return true
		}
	}
	return false
}

// syncNames makes durable what happened to names up to mark. What is in doubt
// stays so until the same name has changed again and that is durable.
func (d *Disk) syncNames(mark int64) {
	var rest []nameOp
	for _, op := range d.pending {
		if op.seq > mark || op.doubt {
			rest = append(rest, op)
			continue
		}
		op.do(d.durable)
		kept := rest[:0]
		for _, r := range rest {
			if !(r.doubt && r.touches(op)) {
				kept = append(kept, r)
			}
		}
		rest = kept
	}
	d.pending = rest
}

// spoilNames puts name changes up to mark in doubt; with drop they are surely
// not on the medium.
func (d *Disk) spoilNames(mark int64, drop bool) {
	var rest []nameOp
	for _, op := range d.pending {
		if op.seq <= mark && !op.doubt {
			if drop {
				continue
			}
			op.doubt = true
		}
		rest = append(rest, op)
	}
	d.pending = rest
}

// name records a change of names and performs it in the cache.
func (d *Disk) name(from, to string, node *inode) {
	d.seq++
	op := nameOp{seq: d.seq, from: from, to: to, node: node}
	if old := d.names[to]; to != "" && old != nil && old != node {
		d.bury(old)
	}
	if to == "" {
		d.bury(node)
	}
	op.do(d.names)
	d.pending = append(d.pending, op)
}

// bury remembers what a file held when its name went: those blocks may show up
// in another file.
func (d *Disk) bury(n *inode) {
	const most = 4
	if n.cache.size == 0 {
		return
	}
	d.graves = append(d.graves, n.cache.clone())
	if len(d.graves) > most {
		d.graves = d.graves[1:]
	}
}
