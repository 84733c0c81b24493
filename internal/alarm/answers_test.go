package alarm_test

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// An alarm that somebody knows of stays so while it holds, whoever checks; it is active again when it comes back, and when
// it gets worse.
func TestAcknowledge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	end := noon.AddDate(0, 0, 14)
	b.license = usage.License{Type: "Subscription", ExpiresAt: &end}
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	b.says(s, noon, nil)
	if _, err := b.alarms.Acknowledge(t.Context(), 1, "", "\n"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a reason and an actor: %v", err)
	}
	status := func(want alarm.Status, repeats int) {
		t.Helper()
		b.check()
		if e := b.event(); e.Status != want || e.RepeatCount != repeats {
			t.Errorf("want %s, %d times: %+v", want, repeats, e)
		}
	}
	status(alarm.StatusWarning, 1)
	if _, err := b.alarms.Acknowledge(t.Context(), 1, "jane", "the key is ordered"); err != nil {
		t.Fatal(err)
	}
	status(alarm.StatusAcknowledged, 1)
	b.passes(end.AddDate(0, 0, -7)) // said anew, and no worse
	status(alarm.StatusAcknowledged, 1)
	if e := b.event(); e.Remark != "the key is ordered" || e.Actor != "jane" || e.Message == "" {
		t.Errorf("%+v", e)
	}
	b.passes(end.AddDate(0, 0, -1))
	status(alarm.StatusError, 1)
	if _, err := b.alarms.Resolve(t.Context(), 1, "jane", "it is switched off tomorrow"); err != nil {
		t.Fatal(err)
	}
	if e := b.event(); e.Status != alarm.StatusResolved {
		t.Errorf("%+v", e)
	}
	b.passes(b.at) // it holds still
	status(alarm.StatusError, 2)
	renewed := end.AddDate(1, 0, 0)
	b.license.ExpiresAt = &renewed
	b.says(s, b.at, nil)
	status(alarm.StatusResolved, 2)
}

// What ended is kept for 13 months, and looked through once a day.
func TestForget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	odd := func(typ string) usage.Workload { return usage.Workload{ID: "1", Name: "a", Type: typ} }
	b.says(s, noon, nil, odd("A"))
	b.says(s, noon.Add(time.Hour), nil, odd("B"))
	ended := noon.Add(time.Hour)
	for _, step := range []struct {
		at   time.Time
		want int
	}{{ended.AddDate(0, 13, 0), 2}, {ended.AddDate(0, 13, 0).Add(time.Hour), 2}, {ended.AddDate(0, 13, 1), 1}} {
		b.at = step.at
		if err := b.alarms.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(b.events()); got != step.want {
			t.Errorf("%s: %d events, want %d", step.at, got, step.want)
		}
	}
}
