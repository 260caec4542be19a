package fsm

// ended is the end of the session, or of an attempt whose session died before its
// Dialled came, for any reason but Disconnect.
func (s *step) ended(why OfflineReason, byPeer bool, detail string) {
	s.settleIfStable()
	quick := byPeer && (s.c.State == ConnConnecting || s.now-s.c.connackAt < s.m.policy.QuickDeath)
	deaths := 0
	if quick {
		deaths = s.c.QuickDeaths + 1
	}
	// A takeover kills a session that has published nothing; a report that kills
	// the link does not.
	inferred := deaths >= displacedAt && s.c.Quiet || deaths >= displacedAnyway
	told := s.c.Displaced
	move := MoveLose
	if byPeer && (told || inferred) {
		move, why = MoveDisplace, OfflineDisplaced
	}
	dialling := s.c.State == ConnConnecting
	if !s.move(move) {
		return
	}
	s.c.QuickDeaths = deaths
	s.c.Displaced = told || inferred
	s.cancelAll()
	if dialling {
		s.over()
	}
	s.retryIn(s.failed())
	s.offline(why, byPeer, detail)
	if inferred && !told {
		s.do(Tell{Notice: NoticeDisplaced, Detail: detail, RetryAt: s.c.RetryAt})
	}
	s.c.Quiet = false
}

// offline announces the end of a session that had been announced.
func (s *step) offline(why OfflineReason, byPeer bool, detail string) {
	if !s.c.announced {
		return
	}
	s.c.announced = false
	s.do(AnnounceOffline{Session: s.c.Attempt, Reason: why, ByPeer: byPeer, Detail: detail, RetryAt: s.c.RetryAt})
}

// settleIfStable counts a session as good by boot time, should its timer be late.
func (s *step) settleIfStable() {
	if s.c.State == ConnOnline && s.now-s.c.onlineAt >= s.m.policy.StableAfter {
		s.settle()
	}
}

// settle is the first stable minute: what went wrong before is forgotten.
func (s *step) settle() {
	s.c.Failures, s.c.QuickDeaths = 0, 0
	if s.c.Displaced {
		s.c.Displaced = false
		s.do(Tell{Notice: NoticeDisplacedOver})
	}
}
