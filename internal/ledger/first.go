package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Beginning is the first reading in force of a server that was taken while it belonged to a company.
type Beginning struct {
	Company usage.CompanyID
	At      time.Time
}

// lookedAtOnce is how many servers' histories are held at a time.
const lookedAtOnce = 100

// Beginnings gives the beginnings of servers that were read, as far as is known now: one for each company that a server ever belonged to and
// that it was read for. A shared one's are Unassigned's.
func (l *Ledger) Beginnings(ctx context.Context, servers ...usage.ServerID) (map[usage.ServerID][]Beginning, error) {
	all := make(map[usage.ServerID][]Beginning)
	for part := range slices.Chunk(servers, lookedAtOnce) {
		taken := make(map[usage.ServerID][]time.Time, len(part))
		err := l.History.Look(ctx, everything, func(v View) error {
			for _, id := range part {
				p, err := v.Period(ctx, id, time.Time{}, l.Now().Add(clockTolerance))
				if err != nil {
					return err
				}
				taken[id] = p.Taken
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, id := range part {
			if len(taken[id]) == 0 {
				continue
			}
			owners, err := l.History.Owners(ctx, id, "", everything)
			if err != nil {
				return nil, err
			}
			all[id] = beginnings(owners, taken[id])
		}
	}
	return all, nil
}

// beginnings gives of each owner the first of some instants, which are in their order.
func beginnings(owners []Ownership, taken []time.Time) (list []Beginning) {
	for i, o := range owners {
		at, _ := slices.BinarySearchFunc(taken, o.From, time.Time.Compare)
		known := slices.ContainsFunc(list, func(b Beginning) bool { return b.Company == o.Company })
		if known || o.Removed || at == len(taken) || i+1 < len(owners) && !taken[at].Before(owners[i+1].From) {
			continue
		}
		list = append(list, Beginning{o.Company, taken[at]})
	}
	return list
}

// FirstRead gives the instant of the first reading in force of any of these servers, as far as is known now; zero: none was ever read.
func (l *Ledger) FirstRead(ctx context.Context, servers ...usage.ServerID) (first time.Time, err error) {
	err = l.History.Look(ctx, everything, func(v View) error {
		for _, id := range servers {
			p, err := v.Period(ctx, id, time.Time{}, l.Now().Add(clockTolerance))
			if err != nil {
				return err
			}
			if len(p.Taken) > 0 && (first.IsZero() || p.Taken[0].Before(first)) {
				first = p.Taken[0]
			}
		}
		return nil
	})
	return first, err
}
