package statement

import (
	"context"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Less asks for an adjustment of a draft: workloads by name, or so many where all weigh the same, or all that are left (C39).
type Less struct {
	Row       RowKey
	Workloads []Ref
	Count     int64 // without Workloads
	Reason    string
	Actor     string
}

// Adjust takes from what is billed of a row; what was counted stays. Invalid: it names what is not billed, or a number
// where not all weigh the same; Conflict: the statement is no draft.
func (s *Service) Adjust(ctx context.Context, company usage.CompanyID, month usage.Month, less Less) (Statement, error) {
	if err := byWhy(less.Actor, less.Reason); err != nil {
		return Statement{}, err
	}
	return s.change(ctx, company, month, func(t *Statement, _ []Statement, _ *Seen) error {
		if err := t.need(Draft, "adjusted"); err != nil {
			return err
		}
		workloads, err := s.Workloads(ctx, t)
		if err != nil {
			return err
		}
		now := usage.Truncate(s.Now())
		a, err := t.fit(workloads, Adjustment{
			Number: t.adjusted() + 1, RowKey: less.Row, Workloads: append([]Ref{}, less.Workloads...), Amount: Amount{Count: less.Count}, Reason: less.Reason, Actor: less.Actor, At: now,
		})
		if err != nil {
			return err
		}
		t.Adjustments = append(t.Adjustments, a)
		t.note(now, less.Actor, didAdjust, less.Reason)
		return nil
	})
}

// adjusted counts the adjustments that it ever had.
func (t *Statement) adjusted() (n int) {
	for i := range t.Trail {
		if t.Trail[i].Did == didAdjust {
			n++
		}
	}
	return n
}

// Withdraw takes an adjustment of a draft back, by its number. Invalid: it has none of that number, or not any more.
func (s *Service) Withdraw(ctx context.Context, company usage.CompanyID, month usage.Month, number int, actor, reason string) (Statement, error) {
	if err := byWhy(actor, reason); err != nil {
		return Statement{}, err
	}
	return s.change(ctx, company, month, func(t *Statement, _ []Statement, _ *Seen) error {
		if err := t.need(Draft, "adjusted"); err != nil {
			return err
		}
		at := slices.IndexFunc(t.Adjustments, func(a Adjustment) bool { return a.Number == number })
		switch {
		case at < 0 && number > 0 && number <= t.adjusted():
			return fault.New(fault.Invalid, "adjustment %d was taken back already", number)
		case at < 0:
			return fault.New(fault.Invalid, "it has no adjustment %d: the statement lists those that it has", number)
		}
		a := t.Adjustments[at]
		t.Adjustments = slices.Delete(slices.Clone(t.Adjustments), at, at+1)
		t.note(s.Now(), actor, didWithdraw, fmt.Sprintf("%d (%s, %d): %s", number, a.Type, -a.Amount.Count, reason))
		return nil
	})
}

// fit works out what an adjustment takes, beside those that the statement has.
func (t *Statement) fit(workloads []Workload, a Adjustment) (Adjustment, error) {
	at := slices.IndexFunc(t.Content.Rows, func(r Row) bool { return r.RowKey == a.RowKey })
	if at < 0 {
		return a, fault.New(fault.Invalid, "there is no row of %s among those of %s: the statement lists them", a.Type, a.Product)
	}
	row := &t.Content.Rows[at]
	named := t.Nameable(workloads, a.RowKey)
	if len(a.Workloads) > 0 {
		return t.fitNamed(named, workloads, a)
	}
	each, equal := equalUnits(t.Content.Servers, billedWorkloads(workloads, row), row)
	switch left := t.Billed(a.RowKey); {
	case a.Amount.Count < 1:
		return a, fault.New(fault.Invalid, "an adjustment names workloads, or takes at least 1")
	case a.Amount.Count > left.Count:
		return a, fault.New(fault.Invalid, "%d of %s are billed: %d cannot be taken from them", left.Count, a.Type, a.Amount.Count)
	case a.Amount.Count == left.Count:
		a.Amount = left
		return a, nil
	case !equal && len(named) == 0:
		return a, fault.New(fault.Invalid, "not all of %s have the same units, and none can be named, since the counters say another sum than the list (C21): all %d can be taken, or none", a.Type, left.Count)
	case !equal:
		return a, fault.New(fault.Invalid, "not all of %s have the same units: name the workloads", a.Type)
	}
	units, fits := each.Times(a.Amount.Count)
	if !fits {
		return a, fault.New(fault.Invalid, "%d are too many", a.Amount.Count)
	}
	a.Amount.Units = units
	return a, nil
}

// fitNamed: each must be billed, and not be taken out by another adjustment.
func (t *Statement) fitNamed(billed, all []Workload, a Adjustment) (Adjustment, error) {
	a.Amount, a.Servers = Amount{}, nil
	var gone []Ref
	for i := range t.Adjustments {
		if o := &t.Adjustments[i]; o.RowKey == a.RowKey {
			gone = append(gone, o.Workloads...)
		}
	}
	for _, ref := range a.Workloads {
		at := slices.IndexFunc(billed, func(w Workload) bool { return w.Ref == ref })
		switch {
		case at < 0 && slices.ContainsFunc(all, func(w Workload) bool {
			return w.Ref == ref && w.key() == a.RowKey && w.State == metering.Used && !w.Answers
		}):
			return a, fault.New(fault.Invalid, "the counters of server %d say what is billed of %s, and another sum than its list (C21): take a number from it", ref.Server, a.Type)
		case at < 0:
			return a, fault.New(fault.Invalid, "workload %q of server %d is not billed in %s: the explained figure lists those that are", ref.ID, ref.Server, a.Type)
		case slices.Contains(gone, ref):
			return a, fault.New(fault.Invalid, "workload %q of server %d is taken out already", ref.ID, ref.Server)
		}
		gone = append(gone, ref)
		a.take(ref.Server, billed[at].Units)
	}
	if len(a.Servers) == 1 {
		a.Servers = nil
	}
	if left := t.Billed(a.RowKey); a.Amount.Count > left.Count || a.Amount.Units > left.Units {
		return a, fault.New(fault.Invalid, "only %d of %s are still billed", left.Count, a.Type)
	}
	return a, nil
}

// take takes one more workload, of a server.
func (a *Adjustment) take(server usage.ServerID, units usage.Units) {
	at := slices.IndexFunc(a.Servers, func(o AmountOf) bool { return o.Server == server })
	if at < 0 {
		at = len(a.Servers)
		a.Servers = append(a.Servers, AmountOf{Server: server})
	}
	for _, amount := range []*Amount{&a.Amount, &a.Servers[at].Amount} {
		amount.Count++
		amount.Units += units
	}
}

// Nameable gives the workloads that may be named to take them from what is billed of a row: those that make up what is used in it and, where a
// server's counters say what is billed, those of its list that add up to just that (C21, C39).
func (t *Statement) Nameable(workloads []Workload, key RowKey) []Workload {
	at := slices.IndexFunc(t.Content.Rows, func(r Row) bool { return r.RowKey == key })
	if at < 0 {
		return nil
	}
	named := billedWorkloads(workloads, &t.Content.Rows[at])
	for i := range t.Content.Servers {
		if s := &t.Content.Servers[i]; s.Product == key.Product && s.Origin == metering.FromReport {
			named = append(named, s.listed(workloads, key)...)
		}
	}
	return named
}

// listed gives what a server's list has used of a row that its counters answer for, if it adds up to the same; else nothing.
func (s *Server) listed(workloads []Workload, key RowKey) []Workload {
	used := slices.DeleteFunc(slices.Clone(workloads), func(w Workload) bool {
		return w.Server != s.ID || w.key() != key || w.State != metering.Used || w.Answers
	})
	var sum Amount
	for i := range used {
		sum = Amount{sum.Count + 1, sum.Units + used[i].Units}
	}
	if !slices.ContainsFunc(s.Rows, func(r Row) bool { return r.RowKey == key && r.Used == sum }) {
		return nil
	}
	return used
}

// billedWorkloads gives those that make up what is used in a row, but for what counters say.
func billedWorkloads(workloads []Workload, row *Row) []Workload {
	return slices.DeleteFunc(slices.Clone(workloads), func(w Workload) bool {
		asOfPeak := w.PeakAt != nil
		return w.key() != row.RowKey || w.State != metering.Used || !w.Answers || asOfPeak != (row.PeakAt != nil)
	})
}

// equalUnits gives what each object of a row weighs, if all weigh the same: those that are listed, and those that only a
// server's counters tell of, of which nothing but the sum over the server is known.
func equalUnits(servers []Server, billed []Workload, row *Row) (each usage.Units, equal bool) {
	if row.Used.Count == 0 {
		return 0, false
	}
	each = row.Used.Units / usage.Units(row.Used.Count)
	if slices.ContainsFunc(billed, func(w Workload) bool { return w.Units != each }) {
		return 0, false
	}
	var of Amount // all servers
	for i := range servers {
		for _, r := range servers[i].Rows {
			if r.RowKey != row.RowKey {
				continue
			}
			if sum, fits := each.Times(r.Used.Count); !fits || sum != r.Used.Units {
				return 0, false
			}
			of = Amount{of.Count + r.Used.Count, of.Units + r.Used.Units}
		}
	}
	return each, of == row.Used
}

// differences lists the rows whose figures are others than those of the statement that is superseded.
func differences(old, now *Statement) []Difference {
	list := []Difference{}
	rows := slices.Concat(old.Content.Rows, now.Content.Rows)
	for i := range rows {
		key := rows[i].RowKey
		seen := slices.ContainsFunc(rows[:i], func(r Row) bool { return r.RowKey == key })
		if d := (Difference{key, old.billing(key), now.billing(key)}); !seen && d.Before != d.After {
			list = append(list, d)
		}
	}
	return list
}

func (t *Statement) billing(key RowKey) (b Billing) {
	for i := range t.Content.Rows {
		if r := &t.Content.Rows[i]; r.RowKey == key {
			b = Billing{r.Used, r.New, r.Rental, t.Billed(key)}
		}
	}
	return b
}
