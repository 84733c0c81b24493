package sqlite

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/storetest"
	"github.com/tallystick/tallystick/internal/testkit"
)

// ledgerFile makes a closed database file with something in every table, and some readings.
func ledgerFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tally.db")
	s, err := Open(t.Context(), path, Now(storetest.Now))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, s)
	storetest.SeedLater(t, s)
	server := fed(t, s)
	for n := range 200 {
		if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, n), storetest.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.writer.ExecContext(t.Context(), `VACUUM`); err != nil { // pages that migrations left free can take no harm
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func copyOf(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tally.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// examined opens a file and gives what is wrong with it, and its digest.
func examined(t *testing.T, path string) (found []string, digest string) {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		return []string{err.Error()}, ""
	}
	defer s.Close() //nolint:errcheck // it is damaged
	found = problems(t, s)
	if d, err := s.Digest(t.Context(), nil); err == nil {
		digest = d.Sum()
	}
	return found, digest
}

const damagedBytes = 16

// Bytes that change anywhere in the file are noticed by the checks of doctor, or they are where nothing is kept.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	whole := readFile(t, ledgerFile(t))
	_, want := examined(t, copyOf(t, whole))
	random := rand.New(rand.NewPCG(1, 2))
	noticed, harmless := 0, 0
	const rounds = 48
	for range rounds {
		content := append([]byte(nil), whole...)
		at := random.IntN(len(content) - damagedBytes)
		for i := range damagedBytes {
			content[at+i] ^= byte(1 + random.IntN(255))
		}
		switch found, digest := examined(t, copyOf(t, content)); {
		case len(found) > 0:
			noticed++
			if strings.TrimSpace(found[0]) == "" || strings.Contains(found[0], "\n") {
				t.Errorf("damage at %d is named in other than one line: %q", at, found[0])
			}
		case digest == want:
			harmless++
		default:
			t.Errorf("damage at %d changed something, and nothing is told", at)
		}
	}
	t.Logf("%d of %d noticed, %d where nothing is kept", noticed, rounds, harmless)
	if noticed < rounds/8 { // most pages are of tables and indexes with a row or two
		t.Errorf("too little is noticed")
	}
}

// The same in a backup: every change of what it holds is noticed, whatever it is.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	s := openAt(t, ledgerFile(t))
	file := filepath.Join(t.TempDir(), "b.db")
	want := keepBackup(t, s, file)
	whole := readFile(t, file)
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	check := func(content []byte) {
		t.Helper()
		d, err := DraftOf(t.Context(), filepath.Join(t.TempDir(), "r.db"), copyOf(t, content))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Discard()
		mark, err := d.Verify(t.Context(), nil)
		switch {
		case err != nil:
			refused++
			if code := fault.CodeOf(err); code != fault.Internal && code != fault.Invalid && code != fault.Unsupported {
				t.Errorf("%s: %v", code, err)
			}
		case digestOf(t, d.Store).Sum() != want.Digest || mark.Digest != want.Digest:
			t.Error("a backup that holds something else is taken for whole")
		}
	}
	const rounds = 48
	for range rounds {
		content := append([]byte(nil), whole...)
		at := random.IntN(len(content) - damagedBytes)
		for i := range damagedBytes {
			content[at+i] ^= byte(1 + random.IntN(255))
		}
		check(content)
	}
	t.Logf("%d of %d refused; the others were changed where nothing is kept", refused, rounds)
	if refused < rounds/8 { // rows fill a quarter of the file: it is small, and each table and index has a page of its own
		t.Error("too few are refused")
	}
	refused = 0
	for _, size := range []int{0, 1, 15, 16, 100, 4096, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		check(whole[:size])
	}
	if refused < 8 { // the last byte may be one of nothing
		t.Errorf("only %d of 9 truncated ones are refused", refused)
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	whole := readFile(t, ledgerFile(t))
	_, want := examined(t, copyOf(t, whole))
	for _, size := range []int{0, 1, 100, 4096, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		found, digest := examined(t, copyOf(t, whole[:size]))
		if len(found) == 0 && (size != len(whole)-1 || digest != want) { // the last byte may be one of nothing
			t.Errorf("cut to %d of %d bytes, nothing is wrong", size, len(whole))
		}
	}
}

// Files that vanish or are replaced while they are open, and what is left beside them.
func TestFileGoneWhileOpen(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(string) error{
		"deleted":  os.Remove,
		"moved":    func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error { return os.Rename(copyOf(t, readFile(t, path)), path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tally.db")
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // its file is gone
			server := fed(t, s)
			if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, 1), storetest.Now()); err != nil {
				t.Fatal(err)
			}
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, 2), storetest.Now()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "deleted or replaced") {
				t.Errorf("it takes a reading: %v", err)
			}
			if _, err := s.Facts(t.Context(), 1, usage.ProductVBR, time.Now(), 1<<40); !fault.Is(err, fault.Unavailable) {
				t.Errorf("it answers: %v", err)
			}
			if name == "replaced" {
				return
			}
			if _, err := Open(t.Context(), path); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "tally.db-wal") {
				t.Errorf("a new ledger is begun beside what is left of the old one: %v", err)
			}
		})
	}
}

// A journal that is deleted while it is open: nothing more goes into it, and what was acknowledged before is in the
// database when the program has ended.
func TestJournalGoneWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tally.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	server := fed(t, s)
	if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, 1), storetest.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if !JournalMissing(path) {
		t.Error("it is not missed")
	}
	if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, 2), storetest.Now()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "tally.db-wal was deleted") {
		t.Errorf("it takes a reading: %v", err)
	}
	if _, err := s.Head(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("it answers: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	if found := problems(t, again); len(found) > 0 {
		t.Errorf("it is damaged: %v", found)
	}
	if r, err := again.AppendSnapshot(t.Context(), server, fedReading(0, 1), storetest.Now()); err != nil || !r.Duplicate {
		t.Errorf("what was acknowledged is not there: %+v, %v", r, err)
	}
	if JournalMissing(path) {
		t.Error("it is missed while it is there")
	}
}

// A file system that becomes full leaves no half of a backup.
func TestBackupOnFullDisk(t *testing.T) {
	t.Parallel()
	s := openAt(t, ledgerFile(t))
	dir := testkit.SmallDisk(t, 128<<10)
	d, err := NewDraft(t.Context(), filepath.Join(dir, "b.db"))
	if err == nil {
		defer d.Discard()
		_, err = d.Backup(t.Context(), s.Store, storetest.Now(), "test", nil)
		d.Discard()
	}
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v (%s)", err, fault.CodeOf(err))
	}
	wantFiles(t, dir)
	file := filepath.Join(t.TempDir(), "b.db")
	keepBackup(t, s, file)
	if _, err := DraftOf(t.Context(), filepath.Join(dir, "r.db"), file); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no space") {
		t.Errorf("restoring: %v", err)
	}
	wantFiles(t, dir)
}
