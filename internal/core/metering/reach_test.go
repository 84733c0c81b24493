package metering_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// reached says what a random ledger and question lead to.
func reached(f metering.Facts, tally *metering.Tally) (labels []string) {
	add := func(on bool, label string) {
		if on {
			labels = append(labels, label)
		}
	}
	for _, m := range tally.Members {
		add(true, "state "+string(m.State))
		add(m.State == metering.Covered && m.ChargedBy.Server != m.Server, "covered by another server's")
		add(m.State == metering.Covered && m.ChargedBy.Key.Tenant != m.Key.Tenant, "covered by another tenant's of the company")
		add(m.Type == "Unknown" && m.State == metering.New, "new of an unknown type")
	}
	for _, flag := range tally.Flags {
		add(true, "flag "+string(flag.Kind))
	}
	for i, s := range tally.Servers {
		add(true, "origin "+string(s.Origin))
		add(s.Stale, "stale")
		add(s.Unknown && s.TakenAt != nil, "unknown although read")
		add(s.Origin == metering.FromList && len(f.Servers[i].Snapshot.Counters) > 0 && f.Servers[i].Authority == metering.Reported, "computed in spite of counters")
		reach(f, &f.Servers[i], add)
	}
	units := map[string]usage.UnitKind{}
	for _, r := range tally.Rows {
		add(units[r.Type] != "" && units[r.Type] != r.Unit, "one type in two unit kinds")
		units[r.Type] = r.Unit
	}
	add(tally.NoSource, "no source")
	add(tally.Company == usage.Unassigned && len(tally.Members) > 0, "unassigned workloads")
	return labels
}

func reach(f metering.Facts, s *metering.Server, add func(bool, string)) {
	if s.List == nil {
		return
	}
	add(s.List.TakenAt.Before(s.Snapshot.TakenAt), "older list")
	month := usage.MonthOf(f.At, f.Zone)
	for i, e := range s.List.Evidence {
		first, dated := e.FirstProtected()
		now := usage.MonthOf(first, f.Zone) == month
		sighted := e.Stated == nil && e.AbsentBefore != nil
		add(!dated, "unknown age")
		add(e.Stated != nil && e.Stated.After(e.FirstListed), "void date")
		add(dated && sighted && now, "new by sighting")
		add(dated && sighted && !now && usage.MonthOf(e.FirstListed, f.Zone) == month, "not surely new")
		add(sighted && !e.FirstListsNew, "sighted where only consuming ones are listed")
		add(s.List.Workloads[i].Type != "" && first.Equal(month.Start(f.Zone)), "first protected at the edge of the month")
	}
}

// The random ledgers must reach what the rules decide about, or the properties prove little. The seeds are fixed.
func TestRandomLedgersReachEverything(t *testing.T) {
	t.Parallel()
	all := zones(t)
	ledgers := rapid.Custom(func(t *rapid.T) []string {
		h := randomHistory(t, all)
		f := h.facts(h.question(t))
		tally := count(t, f)
		return reached(f, &tally)
	})
	seen := map[string]int{}
	for seed := range 600 {
		for _, label := range ledgers.Example(seed) {
			seen[label]++
		}
	}
	for _, want := range []string{
		"state revoked", "state lapsed", "state covered", "state rental", "state new", "state used",
		"covered by another server's", "covered by another tenant's of the company", "new of an unknown type",
		"flag assumed-weight", "flag unknown-type", "flag unknown-license", "flag cloned-server",
		"origin reported", "origin computed", "origin none", "stale", "unknown although read", "computed in spite of counters",
		"one type in two unit kinds", "no source", "unassigned workloads", "older list",
		"unknown age", "void date", "new by sighting", "not surely new", "sighted where only consuming ones are listed",
		"first protected at the edge of the month",
	} {
		if seen[want] < 3 {
			t.Errorf("%q is reached %d times", want, seen[want])
		}
		t.Logf("%5d %s", seen[want], want)
	}
}
