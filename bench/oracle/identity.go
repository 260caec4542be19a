package oracle

// identity is O1: in every snapshot, for each lane and the sum, accepted is the
// sum of the five ends and pending, and nothing is below zero. Reports may be
// damaged only where the injector destroyed them, and at rest exactly those.
func (c *court) identity() {
	mayDamage := c.schedule("power-cut-paired-page", "bit-flip", "segment-lost", "fsync-lies")
	destroyed := int64(len(c.scenario.Destroyed))
	for n, s := range c.snapshots {
		var sum Counts
		for _, lane := range sorted(s.Lanes) {
			counts := s.Lanes[lane]
			c.balance(n, "lane "+lane, counts)
			sum.add(counts)
		}
		c.balance(n, "all lanes", s.Total)
		if t := s.Total; t.ends() != sum.ends() || t.Late != sum.Late {
			c.say("O1", "", n, "the total is not the sum of the lanes: %v, and %v", t.ends(), sum.ends())
		}
		switch d := s.Total.Damaged; {
		case d == 0 && (!s.Phase.atRest() || destroyed == 0 || c.schedule("fsync-lies")):
		case !mayDamage:
			c.say("O1", "", n, "%d damaged, and nothing in the schedule damages", d)
		case d > destroyed || s.Phase.atRest() && d != destroyed:
			c.say("O1", "", n, "%d damaged, but %d acknowledged reports were destroyed", d, destroyed)
		}
	}
}

func (c *court) balance(n int, whose string, k Counts) {
	names := k.ends()
	for i, v := range names {
		if v < 0 {
			c.say("O1", "", n, "%s: %s is %d", whose, countNames[i], v)
		}
	}
	if k.Late < 0 {
		c.say("O1", "", n, "%s: late is %d", whose, k.Late)
	}
	if sum := k.Confirmed + k.Rejected + k.Expired + k.Evicted + k.Damaged + k.Pending; sum != k.Accepted {
		c.say("O1", "", n, "%s: %d accepted, but %d have a name", whose, k.Accepted, sum)
	}
	if k.Quarantined+k.Unreadable > k.Pending {
		c.say("O1", "", n, "%s: %d quarantined and %d unreadable of %d pending", whose, k.Quarantined, k.Unreadable, k.Pending)
	}
	if sum, told := parts(k.ConfirmedBy); told && sum != k.Confirmed {
		c.say("O1", "", n, "%s: %d confirmed, but by level %d", whose, k.Confirmed, sum)
	}
	if sum, told := parts(k.EvictedBy); told && sum != k.Evicted {
		c.say("O1", "", n, "%s: %d evicted, but by reason %d", whose, k.Evicted, sum)
	}
}

var countNames = [...]string{
	"accepted", "confirmed", "rejected", "expired", "evicted", "damaged", "pending", "quarantined", "unreadable",
}

func (k Counts) ends() [len(countNames)]int64 {
	return [...]int64{
		k.Accepted, k.Confirmed, k.Rejected, k.Expired, k.Evicted, k.Damaged, k.Pending, k.Quarantined, k.Unreadable,
	}
}

func (k *Counts) add(o Counts) {
	k.Accepted += o.Accepted
	k.Confirmed += o.Confirmed
	k.Rejected += o.Rejected
	k.Expired += o.Expired
	k.Evicted += o.Evicted
	k.Damaged += o.Damaged
	k.Pending += o.Pending
	k.Quarantined += o.Quarantined
	k.Unreadable += o.Unreadable
	k.Late += o.Late
}

func parts(m map[string]int64) (sum int64, told bool) {
	for _, v := range m {
		sum += v
	}
	return sum, m != nil
}
