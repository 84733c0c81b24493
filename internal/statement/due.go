package statement

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Clock is who approves what nobody reviewed.
const Clock = "auto-approval"

// DueDayMax is the last day on which every month can be approved by the clock.
const DueDayMax = 28

// Due gives the last month that was over, and whether the day of the next one has come on which it is approved by the
// clock (C40), in a zone.
func Due(day int, now time.Time, zone *time.Location) (month usage.Month, due bool) {
	current := usage.MonthOf(now, zone)
	return current.Previous(), !now.Before(usage.Date{Year: current.Year, Month: current.Month, Day: day}.Start(zone))
}

// ApproveDue approves the drafts of a month that nobody has approved, unreviewed; what was not drafted is drafted first,
// and drafts are not counted anew. A statement that needs a reason stays a draft: the clock has none. So does one that
// somebody opened again: it waits for whoever did. It tells how many
// were approved and how many are left.
func (s *Service) ApproveDue(ctx context.Context, companies []usage.CompanyID, month usage.Month) (approved, left int, err error) {
	ctx = audit.By(ctx, audit.Actor{}) // whoever started the program does not do this
	known, err := s.Store.StatementsIn(ctx, month)
	if err != nil {
		return 0, 0, err
	}
	drafted := make(map[usage.CompanyID]State, len(known))
	for i := range known {
		drafted[known[i].Company] = known[i].State
	}
	var missing []usage.CompanyID
	for _, id := range companies {
		if drafted[id] == "" {
			missing = append(missing, id)
		}
	}
	outcomes, err := s.DraftAll(ctx, missing, month, Clock, nil)
	if err != nil {
		return 0, 0, err
	}
	for i := range outcomes {
		if outcomes[i].Err != nil {
			left++
			continue
		}
		known = append(known, outcomes[i].Statement)
	}
	for i := range known {
		if t := &known[i]; t.State != Draft || t.inHand() {
			if t.State == Draft {
				left++
			}
			continue
		}
		_, err := s.Approve(ctx, known[i].Company, month, Clock, nil, true)
		switch {
		case err == nil:
			approved++
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.Conflict):
			left++
		default:
			return approved, left, err
		}
	}
	return approved, left, nil
}

// inHand reports whether somebody made a draft of what was approved or final.
func (t *Statement) inHand() bool {
	return t.Supersedes > 0 || slices.ContainsFunc(t.Trail, func(s Step) bool { return s.Did == didReopen })
}
