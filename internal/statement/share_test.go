package statement_test

import (
	"fmt"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// sharesAddUp fails unless the shares of a statement add up to its rows and to what it bills, those of each class to what it
// says of the class, and none bills less than nothing, or objects without units.
func sharesAddUp(t *testing.T, s *statement.Statement) {
	t.Helper()
	sums := map[statement.RowKey]statement.Billing{}
	type ofClass struct {
		class statement.LicenseClass
		row   statement.RowKey
	}
	classes := map[ofClass]statement.Billing{}
	for _, share := range s.Shares() {
		for _, r := range share.Rows {
			sum, of := sums[r.RowKey], ofClass{share.Class, r.RowKey}
			class := classes[of]
			for _, pair := range [][2]*statement.Amount{
				{&sum.Used, &r.Used},
				{&sum.New, &r.New},
				{&sum.Rental, &r.Rental},
				{&sum.Billed, &r.Billed},
				{&class.Used, &r.Used},
				{&class.New, &r.New},
				{&class.Rental, &r.Rental},
			} {
				pair[0].Count += pair[1].Count
				pair[0].Units += pair[1].Units
			}
			if r.Billed.Count < 0 || r.Billed.Units < 0 || (r.Billed.Count == 0) != (r.Billed.Units == 0) {
				t.Errorf("%+v bills less than nothing, or objects without units", r)
			}
			sums[r.RowKey], classes[of] = sum, class
		}
	}
	rows := map[statement.RowKey]statement.Billing{}
	for _, r := range s.Content.Rows {
		rows[r.RowKey] = statement.Billing{Used: r.Used, New: r.New, Rental: r.Rental, Billed: s.Billed(r.RowKey)}
	}
	same(t, rows, sums)
	said := map[ofClass]statement.Billing{}
	for _, c := range s.Content.Classes {
		for _, r := range c.Rows {
			said[ofClass{c.Class, r.RowKey}] = statement.Billing{Used: r.Used, New: r.New, Rental: r.Rental}
		}
	}
	same(t, said, classes)
	numbers := make(map[usage.ServerID]statement.Numbers)
	for i := range s.Content.Servers {
		numbers[s.Content.Servers[i].ID] = statement.Numbers{ID: fmt.Sprint("L-", i)}
	}
	kinds := func(shares []statement.Share) map[string]statement.Billing {
		of := map[string]statement.Billing{}
		for _, share := range shares {
			for _, r := range share.Rows {
				key := fmt.Sprint(share.Product, share.Class, share.Edition, share.LicensedTo, r.RowKey)
				b := of[key]
				for _, pair := range [][2]*statement.Amount{{&b.Used, &r.Used}, {&b.New, &r.New}, {&b.Rental, &r.Rental}, {&b.Billed, &r.Billed}} {
					*pair[0] = statement.Amount{Count: pair[0].Count + pair[1].Count, Units: pair[0].Units + pair[1].Units}
				}
				of[key] = b
			}
		}
		return of
	}
	same(t, kinds(s.Shares()), kinds(s.SharesBy(numbers)))
}

// What is not billed is missing from the license that it was counted on, in whatever order people take it out (C39, C41).
func TestShares(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}))
	c := w.company("Northwind")
	w.now = at(2026, 9, 30)
	var servers []usage.ServerID
	for i, license := range []usage.License{
		{Type: usage.LicenseRental, Edition: "EnterprisePlus", LicensedTo: "Provider Ltd"},
		{Type: "Subscription", Edition: "Enterprise", LicensedTo: "Northwind"},
		{Type: usage.LicenseRental, Edition: "EnterprisePlus", LicensedTo: "Provider Ltd"},
	} {
		v := w.server(fleet.NewServer{Name: fmt.Sprint("VBR", i), Company: c})
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
			s.License = license
			for n := range 4 - i { // ids of their own: no two are one machine
				machines(s, "VBR_vSphere_VM", 10*i+n)
			}
			machines(s, "VBR_Workstation_Agent", 90+i)
		})
		servers = append(servers, v)
	}
	w.now = at(2026, 10, 1)
	draft, _, err := w.Draft(t.Context(), c, september, "a")
	w.check(err)
	sharesAddUp(t, &draft)
	byNumber := func(s *statement.Statement) (lines []string) {
		for _, share := range s.SharesBy(map[usage.ServerID]statement.Numbers{servers[0]: {ID: "L-1"}, servers[2]: {ID: "L-2", SupportID: "4711"}}) {
			for _, r := range share.Rows {
				if r.Type == "VBR_vSphere_VM" {
					lines = append(lines, fmt.Sprintf("%s %s %s: used %d, billed %d", share.LicensedTo, share.Numbers.ID, share.Numbers.SupportID, r.Used.Count, r.Billed.Count))
				}
			}
		}
		return lines
	}
	same(t, []string{"Provider Ltd L-1 : used 4, billed 4", "Northwind  : used 3, billed 3", "Provider Ltd L-2 4711: used 2, billed 2"}, byNumber(&draft))
	virtual := statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: draft.Content.Rows[0].Unit}
	said := func(s *statement.Statement) (lines []string) {
		for _, share := range s.Shares() {
			for _, r := range share.Rows {
				if r.RowKey == virtual {
					lines = append(lines, fmt.Sprintf("%s %s %s: used %d, billed %d", share.Class, share.LicensedTo, share.Edition, r.Used.Count, r.Billed.Count))
				}
			}
		}
		return lines
	}
	same(t, []string{"provider Provider Ltd EnterprisePlus: used 6, billed 6", "foreign Northwind Enterprise: used 3, billed 3"}, said(&draft))
	for _, step := range []struct {
		less statement.Less
		want []string
	}{
		// A number: from where the most is.
		{statement.Less{Count: 5}, []string{"provider Provider Ltd EnterprisePlus: used 6, billed 1", "foreign Northwind Enterprise: used 3, billed 3"}},
		// Both machines of the third server by name: there they are taken first, and the number takes what is left.
		{
			statement.Less{Workloads: []statement.Ref{{Server: servers[2], ID: "VBR_vSphere_VM-20"}, {Server: servers[2], ID: "VBR_vSphere_VM-21"}}},
			[]string{"provider Provider Ltd EnterprisePlus: used 6, billed 0", "foreign Northwind Enterprise: used 3, billed 2"},
		},
		// One of each of two licenses.
		{
			statement.Less{Workloads: []statement.Ref{{Server: servers[0], ID: "VBR_vSphere_VM-00"}, {Server: servers[1], ID: "VBR_vSphere_VM-10"}}},
			[]string{"provider Provider Ltd EnterprisePlus: used 6, billed 0", "foreign Northwind Enterprise: used 3, billed 0"},
		},
	} {
		step.less.Row, step.less.Reason, step.less.Actor = virtual, "r", "a"
		draft = w.must(w.Adjust(t.Context(), c, september, step.less))
		same(t, step.want, said(&draft))
		sharesAddUp(t, &draft)
	}
	same(t, []string{"Provider Ltd L-1 : used 4, billed 0", "Northwind  : used 3, billed 0", "Provider Ltd L-2 4711: used 2, billed 0"}, byNumber(&draft))
}

// What was used at a peak is of the license that the server had then, whatever came after; what is new, and what else there
// is, of the one that it has (C37, C41).
func TestSharesOfThePeak(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}))
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VAC01", Company: c, Product: usage.ProductConsole})
	w.now = at(2026, 9, 10)
	w.read(v, usage.ProductConsole, func(s *usage.Snapshot) { machines(s, "VAC_Server_Agent", upTo(9)...) })
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductConsole, func(s *usage.Snapshot) {
		s.License.LicensedTo, s.License.Edition = "Northwind", "Enterprise"
		machines(s, "VAC_Server_Agent", 1)
		fresh := at(2026, 9, 29)
		s.Workloads = append(s.Workloads, usage.Workload{ID: "new", Name: "new", Type: "VAC_Server_Agent", FirstProtectedAt: &fresh})
	})
	w.now = at(2026, 10, 1)
	draft := w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	same(t, []string{
		"provider Provider Ltd EnterprisePlus: used 9/2.97, new 0, billed 9/2.97",
		"foreign Northwind Enterprise: used 0/0, new 1, billed 0/0",
	}, shareLines(&draft))
	sharesAddUp(t, &draft)
	draft = w.must(w.Adjust(t.Context(), c, september, statement.Less{
		Row: draft.Content.Rows[0].RowKey, Workloads: []statement.Ref{{Server: v, ID: "VAC_Server_Agent-07"}}, Reason: "r", Actor: "a",
	}))
	same(t, "provider Provider Ltd EnterprisePlus: used 9/2.97, new 0, billed 8/2.64", shareLines(&draft)[0])
	sharesAddUp(t, &draft)
	bytes, err := draft.Encode()
	w.check(err)
	again, err := statement.Decode(bytes)
	w.check(err)
	same(t, shareLines(&draft), shareLines(&again))
}

// shareLines writes the rows of the shares for a person.
func shareLines(s *statement.Statement) (lines []string) {
	for _, share := range s.Shares() {
		for _, r := range share.Rows {
			lines = append(lines, fmt.Sprintf("%s %s %s: used %d/%s, new %d, billed %d/%s", share.Class, share.LicensedTo, share.Edition,
				r.Used.Count, r.Used.Units, r.New.Count, r.Billed.Count, r.Billed.Units))
		}
	}
	return lines
}

// Workloads of two licenses that one adjustment names are taken each from its own, with its own units (C39).
func TestSharesOfNamedWorkloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.fleet.SetLicensees(t.Context(), []string{"Provider Ltd"}))
	c := w.company("Northwind")
	w.now = at(2026, 9, 30)
	var servers []usage.ServerID
	for i, k := range []struct {
		n    int
		each int64
		to   string
	}{{2, 10, "Provider Ltd"}, {9, 1, "Northwind"}} {
		v := w.server(fleet.NewServer{Name: fmt.Sprint("VBR", i), Company: c})
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
			s.License.LicensedTo = k.to
			units := usage.Units(k.each) * usage.One
			for n := range k.n {
				machines(s, "VBR_Nas_Backup", 20*i+n)
				s.Workloads[n].Units = &units
			}
		})
		servers = append(servers, v)
	}
	w.now = at(2026, 10, 1)
	draft := w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	less := statement.Less{Row: draft.Content.Rows[0].RowKey, Reason: "r", Actor: "a", Workloads: []statement.Ref{
		{Server: servers[0], ID: "VBR_Nas_Backup-00"},
		{Server: servers[1], ID: "VBR_Nas_Backup-20"},
		{Server: servers[1], ID: "VBR_Nas_Backup-21"},
		{Server: servers[1], ID: "VBR_Nas_Backup-22"},
	}}
	draft = w.must(w.Adjust(t.Context(), c, september, less))
	same(t, []string{
		"provider Provider Ltd EnterprisePlus: used 2/20, new 0, billed 1/10",
		"foreign Northwind EnterprisePlus: used 9/9, new 0, billed 6/6",
	}, shareLines(&draft))
	same(t, shareLines(&draft), shareLines(&draft)) // asking changes nothing
	sharesAddUp(t, &draft)
	w.must(w.Approve(t.Context(), c, september, "a", map[string]string{"*": "r"}, false))
	final := w.must(w.Finalise(t.Context(), c, september, "a"))
	workloads, err := w.Workloads(t.Context(), &final)
	w.check(err)
	same(t, 0, len(final.Problems(workloads)))
	final.Adjustments[0].Servers = []statement.AmountOf{final.Adjustments[0].Servers[1], final.Adjustments[0].Servers[0]}
	same(t, []string{"adjustment 1 does not take from each server what it names there"}, final.Problems(workloads))
	final.Adjustments[0].Servers = nil // as it was kept before
	same(t, 0, len(final.Problems(workloads)))
}
