package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// reported makes rows of the vendor's counters (C21 to C23), and gives each of these as it answers.
func (n *count) reported(s *Server) ([]Row, []Counted) {
	known := n.kindsOf(s, n.utc)
	license := &s.Snapshot.License
	// Under a license that is not Rental nothing is new (C22); at a T in a later UTC month it is new no more (C23).
	roll := license.Type != usage.LicenseRental || usage.MonthOf(s.Snapshot.TakenAt, time.UTC).Before(n.utc)
	var out sums
	lines := make([]Counted, 0, len(s.Snapshot.Counters))
	for i := range s.Snapshot.Counters {
		k := &s.Snapshot.Counters[i]
		is := known.of(k.Type)
		if !is.known {
			n.flags.unknownType(s, k.Type)
		}
		each := is.weight.Units
		if k.Multiplier != nil {
			each = *k.Multiplier
		}
		r := Row{
			Rental: n.counted(each, k.Rental, k.RentalUnits),
			New:    n.counted(each, k.New, k.NewUnits),
			Used:   n.counted(each, k.Used, k.UsedUnits),
		}
		if is.weight.Assumed && weighedByCatalogue(k) {
			n.flags.assumed(s, is.typ.ID, is.weight.Why)
		}
		rolled := roll && r.New != Amount{}
		if rolled {
			out.addAmount(&r.Used, r.New)
			r.New = Amount{}
		}
		key := is.key(license.Unit)
		out.add(key, &r)
		lines = append(lines, Counted{Stated: k.Type, Type: key.typ, Unit: key.unit, Rental: r.Rental, New: r.New, Used: r.Used, Rolled: rolled})
	}
	n.sums.note(out.err)
	return out.rows(hasAnything), lines
}

// counted gives one figure of a counter: units as stated, even beside a count of 0; else what each weighs x count (C22).
func (n *count) counted(each usage.Units, count int64, stated *usage.Units) Amount {
	if stated != nil {
		return Amount{count, *stated}
	}
	return Amount{count, n.times(each, count)}
}

// weighedByCatalogue reports whether any figure of a counter takes its units from the catalogue.
func weighedByCatalogue(k *usage.Counter) bool {
	return k.Multiplier == nil && (k.Rental > 0 && k.RentalUnits == nil || k.New > 0 && k.NewUnits == nil || k.Used > 0 && k.UsedUnits == nil)
}
