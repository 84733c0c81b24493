package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// reported makes rows of the vendor's counters (C21 to C23).
func (n *count) reported(s *Server) []Row {
	weights := n.weightsOf(s, n.utc)
	license := &s.Snapshot.License
	// Under a license that is not Rental nothing is new (C22); at a T in a later UTC month it is new no more (C23).
	roll := license.Type != usage.LicenseRental || usage.MonthOf(s.Snapshot.TakenAt, time.UTC).Before(n.utc)
	var out sums
	for i := range s.Snapshot.Counters {
		k := &s.Snapshot.Counters[i]
		t, known := n.catalog.Resolve(k.Type)
		key := rowKey{order: t.Order, typ: t.ID, unit: license.Unit}
		if !known {
			key = unknownKey(license.Unit)
			n.flags.unknownType(s, k.Type)
		}
		r := Row{
			Rental: n.counted(s, weights, k, t, known, k.Rental, k.RentalUnits),
			New:    n.counted(s, weights, k, t, known, k.New, k.NewUnits),
			Used:   n.counted(s, weights, k, t, known, k.Used, k.UsedUnits),
		}
		if roll {
			out.addAmount(&r.Used, r.New)
			r.New = Amount{}
		}
		out.add(key, &r)
	}
	n.sums.note(out.err)
	return out.rows(hasAnything)
}

// counted gives one figure of a counter: units as stated, even beside a count of 0; else multiplier x count; else weight x count (C22).
func (n *count) counted(s *Server, w *weights, k *usage.Counter, t catalog.Type, known bool, count int64, stated *usage.Units) Amount {
	switch {
	case stated != nil:
		return Amount{count, *stated}
	case k.Multiplier != nil:
		return Amount{count, n.times(*k.Multiplier, count)}
	case !known:
		return Amount{count, n.times(usage.One, count)}
	}
	weight := w.weight(t)
	if weight.Assumed && count > 0 {
		n.flags.assumed(s, t.ID, weight.Why)
	}
	return Amount{count, n.times(weight.Units, count)}
}
