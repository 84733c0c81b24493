package statement

import (
	"fmt"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Problems tells in words what of a final statement does not follow from the rest of it: its place among the company's
// statements, what adjustments take, the reasons, the differences and the trail. The workloads are those behind it.
func (t *Statement) Problems(workloads []Workload) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if _, err := usage.ParseMonth(t.Month); err != nil || t.Number < 1 || t.Company < usage.Unassigned || t.Supersedes != t.Number-1 {
		wrong("statement %d of company %d for %q, superseding %d, is none that there can be", t.Number, t.Company, t.Month, t.Supersedes)
	}
	for _, i := range t.Missing() {
		wrong("there is no reason for the issue %s", i.Key)
	}
	t.checkAdjustments(workloads, wrong)
	for i := range t.Differences {
		if d := &t.Differences[i]; t.Supersedes == 0 || d.After != t.billing(d.RowKey) {
			wrong("what is said of how %s %s (%s) differs from the superseded one is not what its row says", d.Type, d.Unit, d.Product)
		}
	}
	t.checkTrail(wrong)
	return problems
}

// checkAdjustments makes each adjustment anew, beside those before it.
func (t *Statement) checkAdjustments(workloads []Workload, wrong func(string, ...any)) {
	before := *t
	before.Adjustments = []Adjustment{}
	for i := range t.Adjustments {
		a := &t.Adjustments[i]
		if a.Number < 1 || a.Number > t.adjusted() || i > 0 && a.Number <= t.Adjustments[i-1].Number {
			wrong("adjustment %d cannot have the number %d", i+1, a.Number)
		}
		fitted, err := before.fit(workloads, *a)
		switch {
		case err != nil:
			wrong("adjustment %d does not fit: %v", i+1, err)
		case fitted.Amount != a.Amount:
			wrong("adjustment %d takes %d (%s units) from %s, and what it names is %d (%s units)", i+1, a.Amount.Count, a.Amount.Units, a.Type,
				fitted.Amount.Count, fitted.Amount.Units)
		}
		if len(a.Servers) > 0 && !slices.Equal(a.Servers, fitted.Servers) {
			wrong("adjustment %d does not take from each server what it names there", i+1)
		}
		before.Adjustments = append(before.Adjustments, *a)
		said := func(s Step) bool {
			return s.Did == didAdjust && s.At.Equal(a.At) && s.Actor == a.Actor && s.Text == a.Reason
		}
		if !slices.ContainsFunc(t.Trail, said) {
			wrong("adjustment %d is not in the trail", i+1)
		}
	}
}

// checkTrail goes through the steps, from the first draft to the end (C40).
func (t *Statement) checkTrail(wrong func(string, ...any)) {
	state, adjusted := State(""), 0
	first := didDraft
	if t.Supersedes > 0 {
		first = didSupersede
	}
	moves := map[string][2]State{
		first: {"", Draft}, didRedraft: {Draft, Draft}, didAdjust: {Draft, Draft}, didWithdraw: {Draft, Draft}, didApprove: {Draft, Approved},
		didReopen: {Approved, Draft}, didFinalise: {Approved, Final},
	}
	for i, s := range t.Trail {
		move, known := moves[s.Did]
		if !known || move[0] != state {
			wrong("step %d of the trail, %q, cannot follow what is before it", i+1, s.Did)
			return
		}
		switch state = move[1]; s.Did {
		case didAdjust:
			adjusted++
		case didWithdraw:
			adjusted--
		}
	}
	if state != t.State || state != Final {
		wrong("the trail leads to %q, and the statement says %q", state, t.State)
	}
	if adjusted != len(t.Adjustments) {
		wrong("the trail leaves %d adjustments, and the statement has %d", adjusted, len(t.Adjustments))
	}
}

// FinalisedAt gives when it became final; ok is false where it is not.
func (t *Statement) FinalisedAt() (at time.Time, ok bool) {
	if n := len(t.Trail); n > 0 && t.Trail[n-1].Did == didFinalise {
		return t.Trail[n-1].At, true
	}
	return time.Time{}, false
}
