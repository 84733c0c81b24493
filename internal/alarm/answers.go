package alarm

import (
	"context"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Acknowledge notes that somebody knows of an event. It stands until its condition ends; what comes back then, or gets
// worse before, is not acknowledged any more. Invalid: there is no reason or actor; NotFound; Conflict: it is resolved, or
// acknowledged already. A when is Answer.When.
func (s *Service) Acknowledge(ctx context.Context, id int64, actor, reason string, when ...func(*Event) error) (Event, error) {
	return s.answer(ctx, id, Answer{StatusAcknowledged, actor, reason, all(when)})
}

// Resolve ends an event as somebody says. Where its condition still holds, it comes back when that is looked at next.
// Invalid, NotFound, Conflict: it is resolved already. A when is Answer.When.
func (s *Service) Resolve(ctx context.Context, id int64, actor, reason string, when ...func(*Event) error) (Event, error) {
	return s.answer(ctx, id, Answer{StatusResolved, actor, reason, all(when)})
}

func all(conditions []func(*Event) error) func(*Event) error {
	return func(e *Event) error {
		for _, when := range conditions {
			if err := when(e); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *Service) answer(ctx context.Context, id int64, a Answer) (Event, error) {
	if err := ledger.CheckSaid("the alarm stays as it is", ledger.Said{Path: "reason", Text: a.Remark}, ledger.Said{Path: "actor", Text: a.Actor}); err != nil {
		return Event{}, err
	}
	return s.Answers.AnswerEvent(ctx, id, a, usage.Truncate(s.Now()))
}

const (
	// keptMonths is for how long events are kept after their end.
	keptMonths = 13
	// forgetEvery is how often it is looked which are older.
	forgetEvery = 24 * time.Hour
)

// forgotten is when Forget looked.
type forgotten struct {
	sync.Mutex
	at time.Time
}

// Forget takes out what ended more than 13 months ago, once a day.
func (s *Service) Forget(ctx context.Context) error {
	s.forgotten.Lock()
	defer s.forgotten.Unlock()
	now := s.Now()
	if !passed(s.forgotten.at, now, forgetEvery) {
		return nil
	}
	_, err := s.Answers.ForgetEvents(ctx, usage.Truncate(now.AddDate(0, -keptMonths, 0)))
	if err == nil {
		s.forgotten.at = now
	}
	return err
}
