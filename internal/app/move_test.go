package app

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/series"
	"github.com/tallystick/tallystick/internal/testkit"
)

// moved is a ledger of a test: one company (number 2), its server, whose machine is said to be younger in its second
// reading than in its first, which is revoked.
type moved struct {
	t     *testing.T
	clock *testkit.Clock
	dir   string
	last  time.Time // the second reading, and all that has its instant
}

// newMoved reads twice in a month, and lets it be the day of asking.
func newMoved(t *testing.T, month time.Month, asked time.Time) moved {
	t.Helper()
	begin := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	m := moved{t: t, clock: testkit.At(begin), dir: t.TempDir(), last: time.Date(2026, month, 12, 12, 0, 0, 0, time.UTC)}
	a := m.open(m.dir)
	defer m.close(a)
	company, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	m.check(err)
	server, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i"})
	m.check(err)
	read := func(at, protected time.Time) usage.Position {
		m.clock.Set(at)
		r, err := a.Ledger.AppendSnapshot(t.Context(), server.ID, false, usage.Snapshot{
			TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
			License:   usage.License{Type: usage.LicenseRental},
			Workloads: []usage.Workload{{ID: "1", Name: "m", Type: "VBR_vSphere_VM", FirstProtectedAt: &protected}},
		})
		m.check(err)
		return r.Position
	}
	wrong := read(m.last.AddDate(0, 0, -1), begin.AddDate(0, -1, 0))
	read(m.last, m.last.AddDate(0, 0, -7))
	_, err = a.Ledger.Correct(t.Context(), ledger.Correction{Entry: wrong, Reason: "another machine's", Actor: "me"})
	m.check(err)
	m.clock.Set(asked)
	return m
}

func (m moved) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m moved) options(dir string) Options {
	return Options{DataDir: dir, Create: true, Now: m.clock.Now}
}

func (m moved) open(dir string) *App {
	m.t.Helper()
	a, err := Open(m.t.Context(), m.options(dir))
	m.check(err)
	return a
}

func (m moved) close(a *App) {
	m.t.Helper()
	m.check(a.Close())
}

// forget makes the end of the server's history say that first protections never moved, by who knows how it is sealed:
// every row is as it was written, every reading whole, and the machine as old as the revoked one says.
func (m moved) forget(dir string) {
	m.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	m.check(err)
	defer func() { _ = db.Close() }()
	var sealed []byte
	m.check(db.QueryRowContext(m.t.Context(), `SELECT body FROM tips WHERE server = 1`).Scan(&sealed))
	body, err := series.Unseal(sealed)
	m.check(err)
	latest := binary.AppendVarint(nil, m.last.UnixMicro())
	const moves = 1 << 1
	flags := bytes.LastIndex(body[:100], latest) + len(latest) // the flags stand behind the latest reading's instant
	if flags < len(latest) || body[flags]&moves == 0 {
		m.t.Fatalf("no flags at %d of %x", flags, body)
	}
	body = bytes.Clone(body)
	body[flags] &^= moves
	_, err = db.ExecContext(m.t.Context(), `UPDATE tips SET body = $1 WHERE server = 1`, series.Seal(body))
	m.check(err)
}

// copied gives another data directory with the same ledger.
func (m moved) copied() (dir string) {
	m.t.Helper()
	dir = m.t.TempDir()
	_, err := Move(m.t.Context(), m.options(m.dir), "sqlite:"+filepath.Join(dir, databaseFile), nil)
	m.check(err)
	return dir
}

// The billed month is the one before the day of asking.
var (
	asked  = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	billed = time.September
)

const (
	isNew  = `"usedInstances":0,"rentalCount":0,"newCount":1,"usedCount":0`
	isUsed = `"usedInstances":1,"rentalCount":0,"newCount":0,"usedCount":1`
)

// What is kept beside the readings, says another figure than they do, and was copied as it is, ends a move: digest,
// checksums and the figures of both are the same.
func TestMoveRecounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		month time.Month
		at    string
	}{
		"now":                {asked.Month(), "2026-10-20T12:00:00Z"},
		"at the month's end": {billed, "2026-09-30T23:59:59Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoved(t, c.month, asked)
			r, err := Move(t.Context(), m.options(m.dir), "sqlite:"+filepath.Join(t.TempDir(), "whole.db"), nil)
			if err != nil || !r.Moved || r.Answers != 150 || r.Recounted != 18 {
				t.Fatalf("whole: %+v, %v", r, err)
			}
			m.forget(m.dir)
			target := filepath.Join(t.TempDir(), "moved.db")
			r, err = Move(t.Context(), m.options(m.dir), "sqlite:"+target, nil)
			refusesFigures(t, err, "the source, "+filepath.Join(m.dir, databaseFile), c.at)
			if r.Moved {
				t.Errorf("%+v", r)
			}
			if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is kept: %v", err)
			}
		})
	}
}

// A move to a server that ends so leaves it empty.
func TestMoveToServerRecounts(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	m := newMoved(t, asked.Month(), asked)
	whole := m.copied()
	m.forget(m.dir)
	_, err := Move(t.Context(), m.options(m.dir), url, nil)
	refusesFigures(t, err, "the source, "+filepath.Join(m.dir, databaseFile), "2026-10-20T12:00:00Z")
	r, err := Move(t.Context(), m.options(whole), url, nil)
	if err != nil || r.Recounted != 18 {
		t.Errorf("a whole one afterwards: %+v, %v", r, err)
	}
}

// Where it is the target whose figures are not what its readings give, it is the one that is named.
func TestMoveRecountsTheTarget(t *testing.T) {
	t.Parallel()
	m := newMoved(t, asked.Month(), asked)
	target := m.copied()
	m.forget(target)
	a, b := m.open(m.dir), m.open(target)
	defer m.close(a)
	defer m.close(b)
	err := a.sameFigures(t.Context(), b, nil, &MoveResult{})
	refusesFigures(t, err, "the target, "+filepath.Join(target, databaseFile), "2026-10-20T12:00:00Z")
}

func refusesFigures(t *testing.T, err error, words ...string) {
	t.Helper()
	words = append(words, "nothing is kept of the move", "1 of ", "vbr of company 2 at ", "kept [", isUsed, "counted [", isNew)
	for _, w := range words {
		if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), w) {
			t.Errorf("it does not say %q: %v", w, err)
		}
	}
}
