package app

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// A life says at any instant what the figure says of the workload then.
func TestLifeIsWhatFiguresSay(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)
	now := start
	a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for day := range 120 {
		now = start.AddDate(0, 0, day)
		if random.IntN(4) == 0 {
			continue
		}
		s := usage.Snapshot{
			TakenAt: now, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
			License: usage.License{Type: usage.LicenseRental}, Workloads: []usage.Workload{},
		}
		for id := range 6 {
			last := now.AddDate(0, 0, -random.IntN(45))
			if (day/(7+id))%3 == 1 || id == 5 && day < 50 { // the last one appears later
				continue
			}
			w := usage.Workload{ID: fmt.Sprint(id), Name: "m", Type: []string{"VBR_vSphere_VM", "VBR_Server_Agent"}[id%2], LastProtectedAt: &last}
			if id < 4 {
				w.MachineID = fmt.Sprint("machine ", id/2)
			}
			s.Workloads = append(s.Workloads, w)
		}
		if _, err := a.Ledger.AppendSnapshot(t.Context(), server.ID, false, s); err != nil {
			t.Fatal(err)
		}
	}
	states := map[metering.State]bool{}
	for id := range 6 {
		key := usage.WorkloadKey{ID: fmt.Sprint(id)}
		life, of, err := a.WorkloadLife(t.Context(), server, key, start.AddDate(0, 0, -3), now)
		if err != nil || of != company.ID {
			t.Fatal(of, err)
		}
		for range 60 {
			at := start.Add(time.Duration(random.Int64N(int64(now.Sub(start)))))
			tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: company.ID, Product: usage.ProductVBR, At: at, Members: true})
			if err != nil {
				t.Fatal(err)
			}
			want, got := stretchAt(tally, server.ID, key, at), stretchOf(life, at)
			if !want.same(&got) {
				t.Fatalf("workload %d at %s: %+v, the figure says %+v", id, at, got.Member, want.Member)
			}
			if got.Member != nil {
				states[got.Member.State] = true
			}
		}
	}
	for _, s := range []metering.State{metering.Used, metering.New, metering.Covered, metering.Lapsed} {
		if !states[s] {
			t.Errorf("no workload was ever %s: the test proves too little", s)
		}
	}
}

func stretchOf(life []Stretch, at time.Time) (s Stretch) {
	for i := range life {
		if !life[i].From.After(at) {
			s = life[i]
		}
	}
	return s
}
