package statement

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// FinaliseMonth makes all approved statements of a month final: all or none. Where all are final already, nothing is
// written. NotFound: there are none; Conflict: a company's is not approved, or an earlier month of it is not final.
func (s *Service) FinaliseMonth(ctx context.Context, month usage.Month, actor string) error {
	if err := by(actor); err != nil {
		return err
	}
	all, err := s.Store.StatementsIn(ctx, month)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "there are no statements of %s", month)
	}
	if err != nil {
		return err
	}
	if err := s.allApproved(ctx, month, all[0].Content.Zone); err != nil {
		return err
	}
	var changed []Statement
	var seen []Seen
	now := s.Now()
	for i := range all {
		if all[i].State == Final {
			continue
		}
		t, others, err := s.latest(ctx, all[i].Company, month)
		was := seenOf(all[i].Company, others)
		if err == nil {
			err = s.finalise(ctx, &t, others, &was, Step{At: now, Actor: actor})
		}
		if err != nil {
			return err
		}
		changed, seen = append(changed, t), append(seen, was)
	}
	if len(changed) == 0 {
		return nil
	}
	return s.Store.SaveStatements(ctx, changed, seen...)
}

// allApproved refuses a step with a whole month while a company's statement of it is not approved, or not made. Who was passed over cannot have one
// any more, and does not keep the others waiting for ever.
func (s *Service) allApproved(ctx context.Context, month usage.Month, zone string) error {
	in, err := time.LoadLocation(zone)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "a statement of %s was counted in the zone %q, which is not known here", month, zone)
	}
	standing, _, err := s.waiting(ctx, month, in)
	if err != nil {
		return err
	}
	for _, err := range standing.Failed {
		return err
	}
	passed, err := s.passed(ctx, month, standing.Waiting)
	if err != nil {
		return err
	}
	standing.Waiting = slices.DeleteFunc(standing.Waiting, func(w Waiting) bool { return w.State == Approved || w.State == Open && passed[w.Company] })
	if len(standing.Waiting) > 0 {
		return fault.New(fault.Conflict, "%s: each is to be approved before, with a reason for what needs one", standing.WaitingText())
	}
	return nil
}

// passed tells which of the companies without a statement of a month can have none any more: their first one is of a later month, and is no mere
// draft, before which there may still come others (see ground.next).
func (s *Service) passed(ctx context.Context, month usage.Month, waiting []Waiting) (map[usage.CompanyID]bool, error) {
	firsts, err := s.Store.FirstMonths(ctx)
	if err != nil {
		return nil, err
	}
	passed, begun := make(map[usage.CompanyID]bool), make(map[usage.Month]bool)
	for i := range waiting {
		if first := firsts[waiting[i].Company]; month.Before(first) {
			passed[waiting[i].Company], begun[first] = true, true
		}
	}
	for first := range begun {
		all, err := s.Store.StatementsIn(ctx, first)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if t := &all[i]; firsts[t.Company] == first && t.Begins() {
				delete(passed, t.Company)
			}
		}
	}
	return passed, nil
}
