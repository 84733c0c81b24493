package app_test

import (
	"os"
	"strings"
	"syscall"
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

// TestMain serves the disk of a test where this binary was started again for that.
func TestMain(m *testing.M) {
	if testkit.ServeDisk() {
		return
	}
	os.Exit(m.Run())
}

// A disk that becomes read-only, or fails, under the open files is told in words and does no harm; when it can be
// written again, the same console goes on.
func TestJourneyOfAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		errno syscall.Errno
		words string
	}{
		{"read-only", syscall.EROFS, "the disk is read-only"},
		{"failing", syscall.EIO, "the disk cannot be written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := testkit.NewFaultyDisk(t)
			w, log := console(t, ground{dir: disk.Dir})
			w.suffer(log, outage{
				begin: func() { disk.Fail(c.errno) }, end: func() { disk.Fail(0) },
				noted: "reading not recorded", words: c.words, answers: true,
			})
			if wrong := w.doctor(); len(wrong) > 0 {
				t.Errorf("what doctor finds: %v", wrong)
			}
		})
	}
}
