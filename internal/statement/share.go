package statement

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Share is what servers with licenses of one kind contribute to a statement. All shares add up to its rows, and what
// they bill to what it bills; those of one class add up to what the statement says of the class.
type Share struct {
	Product    usage.Product
	Class      LicenseClass
	Edition    string
	LicensedTo string
	Numbers    Numbers // where they were asked for
	Rows       []ShareRow

	group int // the first of the shares of licenses of its kind, whatever their numbers
}

// Numbers are those of a license, which a statement does not keep.
type Numbers struct{ ID, SupportID string }

// ShareRow is a row of a share.
type ShareRow struct {
	RowKey
	Billing
}

// Shares tells the rows apart by license, in the order of the servers. What an adjustment takes by name is taken from the
// license on which that was counted; a number, from those that have the most of the row.
func (t *Statement) Shares() []Share { return t.SharesBy(nil) }

// SharesBy is Shares, told apart by the numbers of servers' licenses, too, as far as they are known: those of one kind add up to
// what Shares says of it. Of which number a license was at a peak that is another one by now is not known.
func (t *Statement) SharesBy(numbers map[usage.ServerID]Numbers) []Share {
	p := parting{used: make(map[usedOn]int), numbers: numbers}
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		for j := range v.Rows {
			p.add(v, &v.Rows[j])
		}
	}
	for _, named := range []bool{true, false} { // who takes from some places only goes first
		for i := range t.Adjustments {
			a := &t.Adjustments[i]
			if from := p.named(a); (len(from) > 0) == named {
				p.take(a, from)
			}
		}
	}
	return p.shares
}

// parting is one call of Shares.
type parting struct {
	shares  []Share
	used    map[usedOn]int // which share has what is used of it
	numbers map[usage.ServerID]Numbers
}

// usedOn names a row of a server.
type usedOn struct {
	server usage.ServerID
	row    RowKey
}

// add adds a server's row, of which all that is used is billed as yet. What was used at a peak is of the license of then.
func (p *parting) add(v *Server, r *Row) {
	then := p.numbers[v.ID]
	if r.PeakLicense != nil {
		then = Numbers{}
	}
	used := p.share(v.Product, cmp.Or(r.PeakLicense, v.License), then)
	p.used[usedOn{v.ID, r.RowKey}] = used
	p.shares[used].add(r.RowKey, &Billing{Used: r.Used, Billed: r.Used})
	if r.New != (Amount{}) || r.Rental != (Amount{}) {
		now := p.share(v.Product, v.License, p.numbers[v.ID])
		p.shares[now].add(r.RowKey, &Billing{New: r.New, Rental: r.Rental})
	}
}

// share finds the share of a license among those that there are, or makes it.
func (p *parting) share(product usage.Product, l *License, numbers Numbers) int {
	s := Share{Product: product, Class: Provider, Numbers: numbers}
	if l != nil {
		s.Class, s.Edition, s.LicensedTo = l.Class, l.Edition, l.LicensedTo
	}
	s.group = len(p.shares)
	for at := range p.shares {
		o := &p.shares[at]
		if o.Product != s.Product || o.Class != s.Class || o.Edition != s.Edition || o.LicensedTo != s.LicensedTo {
			continue
		}
		if o.Numbers == s.Numbers {
			return at
		}
		s.group = o.group
	}
	p.shares = append(p.shares, s)
	return len(p.shares) - 1
}

func (s *Share) row(key RowKey) *ShareRow {
	at := slices.IndexFunc(s.Rows, func(r ShareRow) bool { return r.RowKey == key })
	if at < 0 {
		return nil
	}
	return &s.Rows[at]
}

func (s *Share) add(key RowKey, b *Billing) {
	sum := s.row(key)
	if sum == nil {
		s.Rows = append(s.Rows, ShareRow{RowKey: key})
		sum = &s.Rows[len(s.Rows)-1]
	}
	for _, pair := range [][2]*Amount{{&sum.Used, &b.Used}, {&sum.New, &b.New}, {&sum.Rental, &b.Rental}, {&sum.Billed, &b.Billed}} {
		pair[0].Count += pair[1].Count
		pair[0].Units += pair[1].Units
	}
}

// named gives what an adjustment takes from which server; nothing where that is not known: of a number, and of workloads of
// several servers in a statement that was kept before it said so.
func (p *parting) named(a *Adjustment) []AmountOf {
	if len(a.Servers) > 0 || len(a.Workloads) == 0 {
		return a.Servers
	}
	first := a.Workloads[0].Server
	for _, w := range a.Workloads {
		if p.groupOf(w.Server, a.RowKey) != p.groupOf(first, a.RowKey) {
			return nil
		}
	}
	return []AmountOf{{first, a.Amount}}
}

// groupOf gives the kind of license on which something is used; -1: nothing is.
func (p *parting) groupOf(server usage.ServerID, row RowKey) int {
	share, known := p.used[usedOn{server, row}]
	if !known {
		return -1
	}
	return p.shares[share].group
}

// take takes what an adjustment takes: from some servers, or, where none is said, from the licenses that have the most.
func (p *parting) take(a *Adjustment, from []AmountOf) {
	for _, of := range from {
		if share, known := p.used[usedOn{of.Server, a.RowKey}]; known {
			take(p.shares[share].row(a.RowKey), &of.Amount)
			p.takeMost(a.RowKey, &of.Amount, func(s *Share) bool { return s.group == p.shares[share].group })
		}
	}
	if left := a.Amount; len(from) == 0 {
		p.takeMost(a.RowKey, &left, func(*Share) bool { return true })
	}
}

// takeMost takes an amount from the kind of license that has the most of a row, then from the next, and within each from that which has the most.
func (p *parting) takeMost(key RowKey, left *Amount, which func(*Share) bool) {
	billed := make([]usage.Units, len(p.shares)) // of each kind
	var shares []*Share
	for i := range p.shares {
		if s := &p.shares[i]; s.row(key) != nil && which(s) {
			billed[s.group] += s.row(key).Billed.Units
			shares = append(shares, s)
		}
	}
	slices.SortStableFunc(shares, func(a, b *Share) int {
		return cmp.Or(cmp.Compare(billed[b.group], billed[a.group]), cmp.Compare(a.group, b.group), cmp.Compare(b.row(key).Billed.Units, a.row(key).Billed.Units))
	})
	for _, s := range shares {
		take(s.row(key), left)
	}
}

// take takes an amount from a row, and leaves of it what there was not.
func take(from *ShareRow, amount *Amount) {
	some := Amount{min(amount.Count, from.Billed.Count), min(amount.Units, from.Billed.Units)}
	from.Billed = Amount{from.Billed.Count - some.Count, from.Billed.Units - some.Units}
	*amount = Amount{amount.Count - some.Count, amount.Units - some.Units}
}
