package metering_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Who is charged for the month of the first protection is told why it is not free (C6, C11, C13); in the month after there is nothing to tell.
func TestChargedFromTheFirstDayOnSaysWhy(t *testing.T) {
	t.Parallel()
	first, older := noon.AddDate(0, 0, -12), noon.AddDate(0, -2, 0)
	for name, c := range map[string]struct {
		license usage.LicenseType
		other   metering.Evidence // of another member of the machine
		at      time.Time
		want    string
	}{
		"new":             {usage.LicenseRental, metering.Evidence{Stated: &first, FirstListed: noon}, noon, "C6: first protected in this month: charged from the next one on"},
		"subscription":    {"Subscription", metering.Evidence{Stated: &first, FirstListed: noon}, noon, "type Subscription, and the first month is free under Rental only (C6, C11)"},
		"no type":         {"", metering.Evidence{Stated: &first, FirstListed: noon}, noon, "no known type, and the first month is free under Rental only (C6, C11)"},
		"older machine":   {usage.LicenseRental, metering.Evidence{Stated: &older, FirstListed: noon}, noon, "the same machine was protected before, or nobody knows since when (C13)"},
		"unknown machine": {usage.LicenseRental, metering.Evidence{FirstListed: noon}, noon, "the same machine was protected before, or nobody knows since when (C13)"},
		"next month":      {"Subscription", metering.Evidence{Stated: &first, FirstListed: noon}, noon.AddDate(0, 1, 0), "C7: protected, and not new: charged"},
	} {
		vm := usage.Workload{ID: "1", Type: "VBR_vSphere_VM", MachineID: "m", LastProtectedAt: &noon}
		agent := usage.Workload{ID: "2", Type: "VBR_Server_Agent", MachineID: "m", LastProtectedAt: &noon}
		f := oneServer(c.at, noon, vm, agent)
		f.Servers[0].Snapshot.License.Type = c.license
		f.Servers[0].List.Evidence = []metering.Evidence{{Stated: &first, FirstListed: noon}, c.other}
		tally, err := metering.Count(catalog.Latest(), f)
		if err != nil {
			t.Fatal(err)
		}
		words := map[metering.State]string{}
		for i := range tally.Members {
			if m := &tally.Members[i]; m.First != nil || m.State == metering.Covered {
				words[m.State] = m.Words()
			}
		}
		got := words[metering.Used] + words[metering.New]
		if !strings.Contains(got, c.want) || len(words) != 2 {
			t.Errorf("%s: %v", name, words)
		}
	}
}

// What came and what went is told with the rule that says so.
func TestComingAndGoingNameTheirRule(t *testing.T) {
	t.Parallel()
	for _, r := range []metering.Reason{metering.Came, metering.Went} {
		if !strings.HasPrefix(r.Words(), "C1: ") {
			t.Errorf("%s: %q", r, r.Words())
		}
	}
}
