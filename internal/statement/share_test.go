package statement_test

import (
	"fmt"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// sharesAddUp fails unless the shares of a statement add up to its rows and to what it bills.
func sharesAddUp(t *testing.T, s *statement.Statement) {
	t.Helper()
	sums := map[statement.RowKey]statement.Billing{}
	for _, share := range s.Shares() {
		for _, r := range share.Rows {
			sum := sums[r.RowKey]
			for _, pair := range [][2]*statement.Amount{{&sum.Used, &r.Used}, {&sum.New, &r.New}, {&sum.Rental, &r.Rental}, {&sum.Billed, &r.Billed}} {
				pair[0].Count += pair[1].Count
				pair[0].Units += pair[1].Units
			}
			if r.Billed.Count < 0 || r.Billed.Units < 0 {
				t.Errorf("%+v bills less than nothing", r)
			}
			sums[r.RowKey] = sum
		}
	}
	rows := map[statement.RowKey]statement.Billing{}
	for _, r := range s.Content.Rows {
		rows[r.RowKey] = statement.Billing{Used: r.Used, New: r.New, Rental: r.Rental, Billed: s.Billed(r.RowKey)}
	}
	same(t, rows, sums)
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
}
