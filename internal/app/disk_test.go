package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/testkit"
)

// A disk that is full stops the console from taking readings and log-ins, and from nothing else; with room again it
// goes on.
func TestJourneyOfAFullDisk(t *testing.T) {
	t.Parallel()
	dir := testkit.SmallDisk(t, 16<<20)
	w, log := console(t, ground{dir: dir})
	var empty func()
	w.suffer(log, outage{
		begin: func() { empty = testkit.FillDisk(t, dir, 0) }, end: func() { empty() },
		noted: "reading not recorded", words: "the disk is full", answers: true,
	})
	// While it fills up: what was acknowledged is there, and the next one is refused whole.
	const readings = 40
	first := outageBegin.Add(-48 * time.Hour)
	empty = testkit.FillDisk(t, dir, 128<<10)
	filled := w.importUntilRefused(importWithin, readings, first)
	if filled.acknowledged == 0 || !fault.Is(filled.err, fault.Unavailable) || !strings.Contains(filled.err.Error(), "the disk is full") {
		t.Errorf("while it fills up: %d readings, %v", filled.acknowledged, filled.err)
	}
	empty()
	if again := w.importUntilRefused(importWithin, readings, first); again.err != nil || again.acknowledged != readings || again.duplicates != filled.acknowledged {
		t.Errorf("%d of %d acknowledged readings are there: %v", again.duplicates, filled.acknowledged, again.err)
	}
	if wrong := w.doctor(); len(wrong) > 1 || wrong["disk"] == "" { // which is smaller than it should be
		t.Errorf("what doctor finds: %v", wrong)
	}
}
