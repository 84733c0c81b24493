package statement

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Share is what servers with licenses of one kind contribute to a statement. All shares add up to its rows, and what
// they bill to what it bills.
type Share struct {
	Product    usage.Product
	Class      LicenseClass
	Edition    string
	LicensedTo string
	Rows       []ShareRow
}

// ShareRow is a row of a share.
type ShareRow struct {
	RowKey
	Billing
}

// Shares tells the rows apart by license, in the order of the servers. What an adjustment takes from workloads of one
// license is taken there; a number, or workloads of several licenses, from those that have the most of the row.
func (t *Statement) Shares() []Share {
	var shares []Share
	of := make(map[usage.ServerID]int, len(t.Content.Servers))
	for i := range t.Content.Servers {
		if v := &t.Content.Servers[i]; len(v.Rows) > 0 {
			of[v.ID] = shareOf(&shares, v)
			shares[of[v.ID]].add(v.Rows)
		}
	}
	for _, named := range []bool{true, false} { // who takes from one place only goes first
		for i := range t.Adjustments {
			a := &t.Adjustments[i]
			if only, ok := a.share(of); ok == named {
				take(rowsOf(shares, a.RowKey, func(share int) bool { return !named || share == only }), a.Amount)
			}
		}
	}
	return shares
}

// shareOf finds a server's share among those that there are, or makes it.
func shareOf(shares *[]Share, v *Server) int {
	s := Share{Product: v.Product, Class: Provider}
	if l := v.License; l != nil {
		s.Class, s.Edition, s.LicensedTo = l.Class, l.Edition, l.LicensedTo
	}
	at := slices.IndexFunc(*shares, func(o Share) bool {
		return o.Product == s.Product && o.Class == s.Class && o.Edition == s.Edition && o.LicensedTo == s.LicensedTo
	})
	if at < 0 {
		at = len(*shares)
		*shares = append(*shares, s)
	}
	return at
}

func (s *Share) row(key RowKey) *ShareRow {
	at := slices.IndexFunc(s.Rows, func(r ShareRow) bool { return r.RowKey == key })
	if at < 0 {
		return nil
	}
	return &s.Rows[at]
}

// add adds a server's rows, of which all that is used is billed as yet.
func (s *Share) add(rows []Row) {
	for i := range rows {
		r := &rows[i]
		sum := s.row(r.RowKey)
		if sum == nil {
			s.Rows = append(s.Rows, ShareRow{RowKey: r.RowKey})
			sum = &s.Rows[len(s.Rows)-1]
		}
		for _, pair := range []struct {
			to   *Amount
			from Amount
		}{{&sum.Used, r.Used}, {&sum.New, r.New}, {&sum.Rental, r.Rental}, {&sum.Billed, r.Used}} {
			pair.to.Count += pair.from.Count
			pair.to.Units += pair.from.Units
		}
	}
}

// share gives the share of which all the workloads are that an adjustment names, if it is one.
func (a *Adjustment) share(of map[usage.ServerID]int) (share int, ok bool) {
	for i, w := range a.Workloads {
		if i == 0 {
			share, ok = of[w.Server]
		}
		if of[w.Server] != share {
			return 0, false
		}
	}
	return share, ok
}

// rowsOf gives a row of some shares.
func rowsOf(shares []Share, key RowKey, wanted func(share int) bool) (rows []*ShareRow) {
	for i := range shares {
		if r := shares[i].row(key); r != nil && wanted(i) {
			rows = append(rows, r)
		}
	}
	return rows
}

// take takes an amount, from those that have the most first. It never takes more than there is: what an adjustment takes
// is billed.
func take(from []*ShareRow, amount Amount) {
	slices.SortStableFunc(from, func(a, b *ShareRow) int { return cmp.Compare(b.Billed.Units, a.Billed.Units) })
	for _, r := range from {
		some := Amount{min(amount.Count, r.Billed.Count), min(amount.Units, r.Billed.Units)}
		r.Billed = Amount{r.Billed.Count - some.Count, r.Billed.Units - some.Units}
		amount = Amount{amount.Count - some.Count, amount.Units - some.Units}
	}
}
