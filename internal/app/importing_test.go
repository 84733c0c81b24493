package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/fleet"
)

// However many servers a file is of, each reading goes to its own; of two servers with one installation id neither gets any.
func TestImportOfManyServers(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC) }
	a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	const servers = 2 * manyServers
	add := func(name, installation string) {
		t.Helper()
		if _, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: name, Company: company.ID, InstallationID: installation, Cloned: true}); err != nil {
			t.Fatal(err)
		}
	}
	var file strings.Builder
	write := func(n int, installation string) {
		fmt.Fprintf(&file, `{"schema":"tallystick.snapshot/v1","takenAt":"2026-10-20T10:00:00Z","product":"vbr","server":{"installationId":%q,"name":"s"},`+
			`"license":{"type":"Rental"},"workloads":[{"id":"w%d","name":"m","type":"VBR_vSphere_VM"}]}`+"\n", installation, n)
	}
	for n := range servers {
		add(fmt.Sprint("server", n), fmt.Sprint("i", n))
		write(n, fmt.Sprint("i", n))
	}
	add("original", "two")
	add("clone", "two")
	write(servers, "two")
	write(servers+1, "nobody's")
	var refused []string
	result, err := a.Import(t.Context(), ImportOptions{
		Files: []string{"-"}, Stdin: strings.NewReader(file.String()), Refused: func(_ string, err error) { refused = append(refused, err.Error()) },
	})
	if err != nil || result.Appended != servers || len(refused) != 2 || !strings.Contains(refused[0], "2 servers have the installation id two") ||
		!strings.Contains(refused[1], "no server has the installation id nobody's") {
		t.Fatalf("%+v, %v, %q", result, err, refused)
	}
	readings, err := a.Ledger.Readings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		if alone := int(r.Server) <= servers; alone != (r.Last != nil) {
			t.Errorf("server %d: %+v", r.Server, r.Last)
		}
	}
}
