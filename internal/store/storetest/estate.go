package storetest

import (
	"fmt"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// Estate fills an empty store with companies, from number 2 on, and servers, from 1 on, one company after the other
// getting one; each server was read once and listed five machines.
func Estate(t testing.TB, s store.Store, companies, servers int) {
	t.Helper()
	for i := range companies {
		must1(s.AddCompany(t.Context(), fleet.Company{
			UID: fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", i), Name: fmt.Sprintf("Company %05d", i), Enabled: true, CreatedAt: day(1, 0),
		}, nil, day(1, 0)))(t)
	}
	for i := range servers {
		v := newServer(t, s, fmt.Sprintf("VBR%05d", i), usage.FirstCompany+usage.CompanyID(i%companies))
		installation := fmt.Sprintf("8f1c0000-0000-4000-8000-%012d", i)
		appendAll(t, s, v.ID, snapshotOf(day(19, 0), installation, "a", "b", "c", "d", "e"))
	}
}
