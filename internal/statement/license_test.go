package statement_test

import (
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// The numbers of licenses are those that servers had when the statement was counted, whatever was read since.
func TestLicenses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v, unread := w.server(fleet.NewServer{Name: "VBR01", Company: c}), w.server(fleet.NewServer{Name: "VBR02", Company: c})
	w.now = at(2026, 9, 29)
	counted := func(s *usage.Snapshot) {
		s.License.ID, s.License.SupportID = "L-1", "01234"
		s.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: 3}}
	}
	w.read(v, usage.ProductVBR, counted)
	w.now = at(2026, 10, 1)
	draft, _, err := w.Draft(t.Context(), c, september, "a")
	w.check(err)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt, s.License.ID = at(2026, 9, 30), "L-2" })
	licenses, err := w.Licenses(t.Context(), &draft)
	w.check(err)
	if got := licenses[v]; got.ID != "L-1" || got.SupportID != "01234" {
		t.Errorf("%+v", got)
	}
	if _, known := licenses[unread]; known || len(licenses) != 1 {
		t.Errorf("%+v: one of them was never read", licenses)
	}
}
