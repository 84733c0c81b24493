package metering

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// rowKey is what makes a row: one type and unit kind (C28).
type rowKey struct {
	order int // of the catalogue
	typ   string
	unit  usage.UnitKind
}

// unknownKey is the one row of all unknown types, last in order (C19).
func unknownKey(unit usage.UnitKind) rowKey { return rowKey{math.MaxInt, catalog.UnknownType, unit} }

// sums adds rows up, exactly (C18). What does not fit is an error, never a wrong figure.
type sums struct {
	list []summed // few: searched from the front
	err  error
}

type summed struct {
	key rowKey
	row Row
}

func errOverflow() error {
	return fault.New(fault.Internal, "the units add up to more than can be counted: a server states absurd figures")
}

func (s *sums) note(err error) { s.err = cmp.Or(s.err, err) }

func (s *sums) at(k rowKey) *Row {
	for i := range s.list {
		if s.list[i].key == k {
			return &s.list[i].row
		}
	}
	s.list = append(s.list, summed{k, Row{Type: k.typ, Unit: k.unit}})
	return &s.list[len(s.list)-1].row
}

func (s *sums) add(k rowKey, r *Row) {
	into := s.at(k)
	s.addAmount(&into.Rental, r.Rental)
	s.addAmount(&into.New, r.New)
	s.addAmount(&into.Used, r.Used)
}

func (s *sums) addAmount(into *Amount, a Amount) {
	units, ok := usage.Add(into.Units, a.Units)
	count, fits := usage.Add(usage.Units(into.Count), usage.Units(a.Count))
	if !ok || !fits {
		s.note(errOverflow())
	}
	into.Units, into.Count = units, int64(count)
}

// addRows adds the rows of a part.
func (s *sums) addRows(c *catalog.Catalog, rows []Row) {
	for i := range rows {
		key := unknownKey(rows[i].Unit)
		if t, known := c.Type(rows[i].Type); known {
			key = rowKey{t.Order, t.ID, rows[i].Unit}
		}
		s.add(key, &rows[i])
	}
}

// rows gives the rows that hold something, in catalogue order, then by unit kind.
func (s *sums) rows(holds func(*Row) bool) []Row {
	slices.SortFunc(s.list, func(a, b summed) int {
		return cmp.Or(cmp.Compare(a.key.order, b.key.order), strings.Compare(string(a.key.unit), string(b.key.unit)))
	})
	rows := make([]Row, 0, len(s.list))
	for i := range s.list {
		if r := &s.list[i].row; holds(r) {
			rows = append(rows, *r)
		}
	}
	return rows
}

// hasWorkloads is the test for a row of an answer (C28).
func hasWorkloads(r *Row) bool { return r.Rental.Count+r.New.Count+r.Used.Count > 0 }

// hasAnything also keeps units that are stated beside a count of 0: another server may have the count.
func hasAnything(r *Row) bool { return r.Rental != Amount{} || r.New != Amount{} || r.Used != Amount{} }

// keep gives the rows of a part whose type and unit kind are in the whole.
func keep(rows, whole []Row) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		return !slices.ContainsFunc(whole, func(w Row) bool { return w.Type == r.Type && w.Unit == r.Unit })
	})
}

// computed makes rows of a server's charged members: a group belongs to its charged member's server.
func (n *count) computed(server int) []Row {
	var out sums
	unit := n.facts.Servers[server].Snapshot.License.Unit
	for i := n.begin[server]; i < n.begin[server+1]; i++ {
		it := &n.items[i]
		one := Amount{1, it.units}
		key := it.key(unit)
		switch it.state {
		case Rental:
			out.addAmount(&out.at(key).Rental, one)
		case New:
			out.addAmount(&out.at(key).New, one)
		case Used:
			out.addAmount(&out.at(key).Used, one)
		case Revoked, Lapsed, Covered: // in no row
		}
	}
	n.sums.note(out.err)
	return out.rows(hasAnything)
}

// Total adds rows up: exactly, in catalogue order, without rows that hold no workload (C18, C28). The only error is
// Internal: what does not fit.
func Total(c *catalog.Catalog, rows []Row) ([]Row, error) {
	var all sums
	all.addRows(c, rows)
	return all.rows(hasWorkloads), all.err
}
