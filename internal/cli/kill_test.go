package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/sim"
)

// kills is how often each of the tests below pulls the plug.
const kills = 20

func openApp(t *testing.T, dir string) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), app.Options{DataDir: dir, Create: true})
	if err != nil {
		t.Fatalf("the ledger does not open: %v", err)
	}
	return a
}

func closeApp(t *testing.T, a *app.App) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// killed starts the program and kills it after a while; false: it was done before.
func killed(t *testing.T, after time.Duration, args ...string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...) //nolint:gosec // this test binary
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	if cmd.ProcessState.Exited() && err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said.String())
	}
	return !cmd.ProcessState.Exited()
}

const readingsKilled = 600

// readingFile writes many readings of one server: reading k lists k+1 machines.
func readingFile(t *testing.T) (path string, takenAt func(k int) time.Time) {
	t.Helper()
	takenAt = func(k int) time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(k) * time.Hour)
	}
	var b bytes.Buffer
	for k := range readingsKilled {
		fmt.Fprintf(&b, `{"schema":"tallystick.snapshot/v1","takenAt":%q,"product":"vbr","server":{"installationId":"inst-1","name":"VBR01"},`+
			`"license":{"type":"Subscription"},"workloads":[`, takenAt(k).Format(time.RFC3339))
		for i := range k%60 + 1 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":"w%d","name":"machine %d","type":"VBR_vSphere_VM"}`, i, i)
		}
		b.WriteString("]}\n")
	}
	path = filepath.Join(t.TempDir(), "readings.ndjson")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, takenAt
}

// importLedger begins a ledger with one company and the server that the readings belong to.
func importLedger(t *testing.T, dir string) fleet.Company {
	t.Helper()
	a := openApp(t, dir)
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "inst-1"}); err != nil {
		t.Fatal(err)
	}
	closeApp(t, a)
	return company
}

// kill -9 at any moment of an import: the ledger opens, every reading is there
// whole or not at all, none that was there is lost, and a repeat completes it.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, takenAt := readingFile(t)
	company := importLedger(t, dir)
	last := -1 // index of the last reading that is in the ledger
	hits := 0
	for range kills {
		if killed(t, time.Duration(20+rand.IntN(400))*time.Millisecond, "import", "--data", dir, path) {
			hits++
		}
		last = checkPrefix(t, dir, company.ID, last, takenAt)
	}
	t.Logf("killed %d times, %d of %d readings by then", hits, last+1, readingsKilled)
	if hits == 0 {
		t.Error("never killed in the middle: the test proves nothing")
	}
	a := openApp(t, dir)
	defer closeApp(t, a)
	result, err := a.Import(t.Context(), app.ImportOptions{Files: []string{path}})
	if err != nil || result.Refused != 0 || result.Duplicates != last+1 || result.Appended != readingsKilled-last-1 {
		t.Errorf("the repeat: %+v, %v; %d were there", result, err, last+1)
	}
}

// checkPrefix opens the ledger after a kill: readings are appended in order, so what is there is a prefix of the file.
func checkPrefix(t *testing.T, dir string, company usage.CompanyID, before int, takenAt func(int) time.Time) int {
	t.Helper()
	a := openApp(t, dir)
	defer closeApp(t, a)
	tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, Members: true})
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	if tally.AsOf != nil {
		last = int(tally.AsOf.Sub(takenAt(0)) / time.Hour)
		if got, want := len(tally.Members), last%60+1; got != want {
			t.Errorf("reading %d is there with %d of %d machines", last, got, want)
		}
	}
	if last < before {
		t.Errorf("reading %d was there, now only %d", before, last)
	}
	for k := 0; k <= last; k += 37 {
		then, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, Members: true, At: takenAt(k)})
		if err != nil || then.AsOf == nil || !then.AsOf.Equal(takenAt(k)) || len(then.Members) != k%60+1 {
			t.Fatalf("reading %d is damaged: %+v, %v", k, then, err)
		}
	}
	return last
}

// kill -9 at any moment of a collect: the same promises.
func TestKilledCollect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	scenario := &sim.Scenario{Seed: 3}
	for i := range 4 {
		scenario.Servers = append(scenario.Servers, sim.ServerSpec{
			Name: fmt.Sprintf("VBR%02d", i+1), Wire: sim.Wire131, Password: "sim-secret",
			License:   sim.LicenseSpec{Type: "Subscription", Edition: "EnterprisePlus", Licensed: 500},
			Workloads: []sim.WorkloadSpec{{Name: "web%03d", Count: 120, Kind: sim.KindVSphere, First: sim.At(time.Now().AddDate(0, -3, 0))}},
		})
	}
	scenario.Clock.Speed = 1
	servers, err := sim.Start(t.Context(), sim.Options{Scenario: scenario, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Close() //nolint:errcheck // the test is over
	a := openApp(t, dir)
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers.Servers() {
		if _, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{
			Name: s.Name, Company: company.ID, URL: s.URL, Username: s.Username, Password: s.Password, TLS: fleet.TLS{Fingerprint: s.Fingerprint},
		}); err != nil {
			t.Fatal(err)
		}
	}
	closeApp(t, a)
	hits := 0
	position := usage.Position(0)
	for range kills {
		if killed(t, time.Duration(20+rand.IntN(250))*time.Millisecond, "collect", "--data", dir) {
			hits++
		}
		position = checkWhole(t, dir, company.ID, position)
	}
	t.Logf("killed %d times, at position %d by then", hits, position)
	if hits == 0 {
		t.Error("never killed in the middle: the test proves nothing")
	}
	if killed(t, time.Minute, "collect", "--data", dir) {
		t.Fatal("the repeat did not end")
	}
	a = openApp(t, dir)
	defer closeApp(t, a)
	tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: company.ID, Product: usage.ProductVBR})
	if err != nil || !tally.Complete || len(tally.Rows) != 1 || tally.Rows[0].Used.Count != 480 {
		t.Errorf("after the repeat: %+v, %v", tally, err)
	}
}

// checkWhole opens the ledger after a kill: every server's reading is there with all its machines, or not at all.
func checkWhole(t *testing.T, dir string, company usage.CompanyID, before usage.Position) usage.Position {
	t.Helper()
	a := openApp(t, dir)
	defer closeApp(t, a)
	tally, err := a.Ledger.Usage(t.Context(), ledger.Query{Company: company, Product: usage.ProductVBR, Members: true})
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for i := range tally.Servers {
		if !tally.Servers[i].Unknown {
			read++
		}
	}
	if len(tally.Members) != 120*read {
		t.Errorf("%d servers are read, with %d machines", read, len(tally.Members))
	}
	head, err := a.Ledger.Store.Head(t.Context())
	if err != nil || head.Position < before {
		t.Errorf("position %d, before it was %d; %v", head.Position, before, err)
	}
	return head.Position
}

// Ctrl-C in an import ends it in order, says how far it came, and a repeat completes it.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, _ := readingFile(t)
	importLedger(t, dir)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "import", "--data", dir, path) //nolint:gosec // this test binary
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(150*time.Millisecond, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	_ = cmd.Wait() // its exit code says how it went
	switch code := cmd.ProcessState.ExitCode(); {
	case code == exitDone: // a quick machine: it was complete before
	case code == -1: // a slow one: it did not listen yet
	case code != exitFailed || !strings.Contains(said.String(), "interrupted") && !strings.Contains(said.String(), "cancelled"): // while it was still opening
		t.Errorf("exit code %d:\n%s", code, said.String())
	}
	a := openApp(t, dir)
	defer closeApp(t, a)
	result, err := a.Import(t.Context(), app.ImportOptions{Files: []string{path}})
	if err != nil || result.Refused != 0 || result.Duplicates+result.Appended != readingsKilled {
		t.Errorf("the repeat: %+v, %v", result, err)
	}
}
