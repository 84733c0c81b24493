package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/secret"
)

// A figure that is kept and is not what the readings give is told by the recount, in figures.
func TestRecountTellsWhatIsKeptWrongly(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), func() time.Time { return time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC) }
	a, err := Open(t.Context(), Options{DataDir: dir, Create: true, Now: now})
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
	if _, err := a.Ledger.AppendSnapshot(t.Context(), server.ID, false, usage.Snapshot{
		TakenAt: now(), Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
		License:   usage.License{Type: usage.LicenseRental},
		Workloads: []usage.Workload{{ID: "1", Name: "m", Type: "VBR_vSphere_VM"}},
	}); err != nil {
		t.Fatal(err)
	}
	recount := func() (check Check) {
		d := &doctor{options: Options{DataDir: dir, Now: now}, where: a.where, found: func(c Check) { check = c }}
		d.recount(t.Context(), a)
		return check
	}
	if check := recount(); !check.OK || !strings.Contains(check.Text, "6 figures") {
		t.Errorf("whole: %+v", check)
	}
	giveAway(t.Context(), t, dir)
	if check := recount(); check.OK || !strings.Contains(check.Text, "usedCount\":1") || !strings.Contains(check.Text, "vbr of company 2: kept") {
		t.Errorf("tampered: %+v", check)
	}
}

// giveAway makes the first server the unassigned company's, by who knows how its checksum is made.
func giveAway(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var position, from string
	if err := db.QueryRowContext(ctx, `SELECT position, valid_from FROM facts WHERE subject = 'server/1' AND attribute = 'company'`).Scan(&position, &from); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, part := range []string{position, "server/1", "company", "1", from} {
		text += fmt.Sprintf("%d:%s", len(part), part)
	}
	sum := int64(crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
	if _, err := db.ExecContext(ctx, `UPDATE facts SET value = '1', checksum = $1 WHERE position = $2`, sum, position); err != nil {
		t.Fatal(err)
	}
}

// What is damaged is not copied as if it were whole: the backups that are there are better.
func TestDamageIsNotCopied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{DataDir: dir, Create: true, Now: func() time.Time { return time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC) }}
	a, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "whole.db")
	if _, err := Backup(t.Context(), o, whole, nil); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `UPDATE companies SET name = 'Southwind' WHERE id = 2`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	backup, moved := filepath.Join(dir, "damaged.db"), filepath.Join(dir, "moved.db")
	_, err = Backup(t.Context(), o, backup, nil)
	refusesDamage(t, "backup", err, backup)
	_, err = Move(t.Context(), o, "sqlite:"+moved, nil)
	refusesDamage(t, "move", err, moved)
}

func refusesDamage(t *testing.T, what string, err error, file string) {
	t.Helper()
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%s of a damaged ledger: %v", what, err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s left %s: %v", what, file, err)
	}
}

// Where the store does not open, doctor does not say that the key opens what it could not look at.
func TestDoctorSaysWhatItCouldNotLookAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := secret.OpenOrCreate(filepath.Join(dir, keyFile), true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, databaseFile), []byte(strings.Repeat("no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	checks := map[string]Check{}
	if err := Doctor(t.Context(), Options{DataDir: dir}, false, nil, func(c Check) { checks[c.Name] = c }); err != nil {
		t.Fatal(err)
	}
	if key := checks["key"]; !strings.Contains(key.Text, "what it opens was not looked at") {
		t.Errorf("%+v", key)
	}
	if store := checks["store"]; store.OK || strings.Count(store.Text, "not a database") != 2 { // ours, and SQLite's word
		t.Errorf("%+v", store)
	}
}
