package app_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/testkit"
)

// outage is what befalls the ground on which a running console stands, for a while.
type outage struct {
	begin, end func()
	noted      string        // what the log says of it
	words      string        // that each error has
	answers    bool          // figures are given meanwhile
	retries    bool          // refusals say when to come back
	within     time.Duration // how long an import waits meanwhile; 0: long
}

var outageBegin = time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)

// console runs a console that collects, and waits for its first reading.
func console(t *testing.T, on ground) (*world, *notes) {
	t.Helper()
	log := &notes{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the console's log:\n%s", log)
		}
	})
	on.every = 10 * time.Minute // so that a reading is due before a token ends
	on.collecting, on.log = true, slog.New(slog.NewTextHandler(log, nil))
	w := newWorldOn(t, outageBegin, referenceScenario(sim.Wire131), on)
	w.awaitReading(outageBegin)
	return w, log
}

// placed is the database file with the directory before it, which is in the log, and in no answer.
const placed = "/tallystick.db"

// suffer takes a running console through an outage: what was acknowledged before it is answered or refused in words,
// what comes meanwhile is refused and nothing of it is there, and afterwards everything goes on by itself.
func (w *world) suffer(log *notes, o outage) {
	w.t.Helper()
	kept := w.importUntilRefused(importWithin, 5, outageBegin.Add(-24*time.Hour)) // all of these are acknowledged
	quiet := len(log.troubles())
	o.begin()
	w.set(outageBegin.Add(20 * time.Minute)) // a reading is due
	testkit.Until(w.t, "the log says why", func() bool { return log.has(o.noted, o.words) })
	refused := w.importUntilRefused(cmp.Or(o.within, importWithin), 1, outageBegin.Add(-time.Hour))
	if refused.acknowledged != 0 || !fault.Is(refused.err, fault.Unavailable) || !strings.Contains(refused.err.Error(), o.words) {
		w.t.Errorf("an import meanwhile: %d, %v", refused.acknowledged, refused.err)
	}
	if status, body := w.tryLogin(); status != http.StatusServiceUnavailable || !strings.Contains(body, o.words) || strings.Contains(body, placed) {
		w.t.Errorf("a log-in meanwhile: %d %s", status, body)
	}
	if o.answers {
		if rows, complete, _ := w.figure(); rows != referenceRows || !complete {
			w.t.Errorf("the figure meanwhile: %s, complete %v", rows, complete)
		}
	} else {
		w.wantRefused(o)
	}
	if n := len(log.troubles()) - quiet; n > 20 {
		w.t.Errorf("%d lines of trouble:\n%s", n, log)
	}
	o.end()
	w.recover(log, kept)
}

func (w *world) wantRefused(o outage) {
	w.t.Helper()
	for _, path := range []string{usagePath, "/v2/tenants"} {
		status, header, body := 0, http.Header(nil), ""
		testkit.Until(w.t, path+" is refused", func() bool {
			status, header, body = w.ask(path)
			return status != http.StatusOK
		})
		if status != http.StatusServiceUnavailable || !strings.Contains(body, o.words) || strings.Contains(body, placed) || (header.Get("Retry-After") != "") != o.retries {
			w.t.Errorf("%s meanwhile: %d %s, come back in %q", path, status, body, header.Get("Retry-After"))
		}
	}
}

// recover waits until the console does again all that it is there for, by itself.
func (w *world) recover(log *notes, kept imported) {
	w.t.Helper()
	since := w.clock.Now()
	w.awaitReading(since.Add(time.Microsecond))
	if rows, complete, _ := w.figure(); rows != referenceRows || !complete {
		w.t.Errorf("afterwards: %s, complete %v", rows, complete)
	}
	w.login()
	again := w.importUntilRefused(importWithin, kept.acknowledged, outageBegin.Add(-24*time.Hour))
	if again.err != nil || again.duplicates != kept.acknowledged {
		w.t.Errorf("%d of %d acknowledged readings are there: %v", again.duplicates, kept.acknowledged, again.err)
	}
	w.wantAlarms()
	if log.has("level=ERROR", "internal") || log.has("panic", "") {
		w.t.Errorf("something broke:\n%s", log)
	}
}

// awaitReading lets time go on until the figure rests on a reading from then or later.
func (w *world) awaitReading(then time.Time) {
	w.t.Helper()
	testkit.Until(w.t, "a reading since "+then.Format(time.DateTime), func() bool {
		status, header, _ := w.ask(usagePath)
		if status == http.StatusUnauthorized { // the clock left the token behind
			_, _ = w.tryLogin()
		}
		asOf, err := time.Parse(time.RFC3339, header.Get("X-Usage-As-Of"))
		if err == nil && !asOf.Before(then) {
			return true
		}
		w.set(w.clock.Now().Add(5 * time.Second))
		return false
	})
}

// wantAlarms has another process find something wrong, which only the console's own checks can see.
func (w *world) wantAlarms() {
	w.t.Helper()
	other := w.process(nil)
	s := reading(w.clock.Now().Add(time.Second))
	s.License.Type = "Barter"
	if _, err := other.Ledger.AppendSnapshot(w.ctx, 1, false, s); err != nil {
		w.t.Fatal(err)
	}
	w.set(s.TakenAt)
	testkit.Until(w.t, "the console checks alarms", func() bool { return w.open()[1002] != "" })
}

// imported is what became of an import.
type imported struct {
	acknowledged, duplicates int
	err                      error
}

// importWithin is more than the readings of a test take on a slow machine.
const importWithin = testkit.Patience

// importUntilRefused imports so many readings, one a minute.
func (w *world) importUntilRefused(within time.Duration, count int, first time.Time) imported {
	w.t.Helper()
	var file bytes.Buffer
	for n := range count {
		s := reading(first.Add(time.Duration(n) * time.Minute))
		fmt.Fprintf(&file, `{"schema":"tallystick.snapshot/v1","takenAt":%q,"product":"vbr","server":{"installationId":%q,"name":"VBR01"},`+
			`"license":{"type":"Rental"},"workloads":[`, s.TakenAt.Format(time.RFC3339), s.Server.InstallationID)
		for i := range s.Workloads {
			if i > 0 {
				file.WriteByte(',')
			}
			workload := &s.Workloads[i]
			fmt.Fprintf(&file, `{"id":%q,"name":%q,"type":%q}`, workload.ID, workload.Name, workload.Type)
		}
		file.WriteString("]}\n")
	}
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	server, err := w.app.Store.Server(ctx, 1)
	if err != nil {
		return imported{err: err}
	}
	r, err := w.app.Import(ctx, app.ImportOptions{
		Files: []string{"-"}, Stdin: &file, Server: &server, NewInstallation: true,
		Refused: func(where string, err error) { w.t.Errorf("%s: %v", where, err) },
	})
	return imported{r.Appended + r.Duplicates, r.Duplicates, err}
}

// reading is one that was saved.
func reading(at time.Time) usage.Snapshot {
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "8f1c2a30-0000-4000-8000-000000000001", Name: "VBR01"},
		License: usage.License{Type: "Rental"},
	}
	for n := range 30 {
		name := fmt.Sprint("vm-", at.UnixNano()%1_000_003, "-", n)
		s.Workloads = append(s.Workloads, usage.Workload{ID: name, Name: name, Type: "VBR_vSphere_VM"})
	}
	return s
}

// notes is a log that a test reads.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, string(line))
	return len(line), nil
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "")
}

// has reports whether one line has both words.
func (n *notes) has(word, other string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.lines {
		if strings.Contains(line, word) && strings.Contains(line, other) {
			return true
		}
	}
	return false
}

// troubles are the lines of warnings and errors that nobody asked for.
func (n *notes) troubles() (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.lines {
		if (strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR")) && !strings.Contains(line, "msg=request") {
			lines = append(lines, line)
		}
	}
	return lines
}

// doctor gives the checks that find something wrong.
func (w *world) doctor() (wrong map[string]string) {
	w.t.Helper()
	wrong = map[string]string{}
	if err := app.Doctor(w.ctx, w.options(nil), false, nil, func(c app.Check) {
		if !c.OK {
			wrong[c.Name] = c.Text
		}
	}); err != nil {
		w.t.Error(err)
	}
	return wrong
}
