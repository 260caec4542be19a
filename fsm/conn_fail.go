package fsm

func (s *step) dialFailed(e DialFailed) {
	if e.Class == ClassRefused && blames(e.Code) {
		s.refused(e)
		return
	}
	if !s.move(MoveFail) {
		return
	}
	s.cancel(TimerDial)
	s.over()
	s.c.QuickDeaths = 0
	s.c.endpoint = (s.c.endpoint + 1) % s.m.policy.Endpoints
	s.retryIn(s.failed())
	//exhaustive:enforce
	switch e.Class {
	case ClassNotServer:
		s.tellOnce(Tell{Notice: NoticeNotServer, Detail: e.Detail, RetryAt: s.c.RetryAt})
	case ClassTLS:
		s.tellOnce(Tell{Notice: NoticeBadCertificate, Detail: e.Detail, RetryAt: s.c.RetryAt})
	case ClassLink, ClassRefused:
	}
	s.tellUnreachable(e.Detail)
}

func (s *step) refused(e DialFailed) {
	relogin := s.c.relogin
	if s.c.State != ConnConnecting || !s.move(MoveRefuse) {
		return
	}
	s.cancel(TimerDial)
	s.over()
	s.c.QuickDeaths = 0
	s.c.unreachable = unreachable{}
	wait := steady(s.m.policy.RefusedBackoff.Ceiling(s.c.Refusals), s.rnd)
	s.c.Refusals++
	if relogin {
		wait = 0 // it was refused with the credentials of before
	}
	s.retryIn(wait)
	s.tellOnce(Tell{Notice: NoticeRefused, Code: e.Code, Detail: e.Detail, RetryAt: s.c.RetryAt})
}

// blames says whether a CONNACK code blames the credentials or the product, so
// that trying again soon is useless. 1 to 5 are MQTT 3.1.1 (3.2.2.3), of which 3
// is a busy server; the others are what newer brokers send all the same.
func blames(code byte) bool {
	switch code {
	case 1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C:
		return true
	}
	return false
}

func (s *step) subscribeFailed(e SubscribeFailed) {
	if s.c.State != ConnSubscribing {
		return
	}
	if e.Class == ClassRefused {
		s.tellOnce(Tell{Notice: NoticeSubscribeRefused, Detail: e.Detail})
		s.online()
		return
	}
	s.do(Abort{s.c.Attempt})
	s.unsubscribed(e.Detail)
}

func (s *step) unsubscribed(detail string) {
	if !s.move(MoveFail) {
		return
	}
	s.cancelAll()
	s.c.QuickDeaths = 0
	s.retryIn(s.failed())
	s.tellUnreachable(detail)
}
