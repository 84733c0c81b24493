package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// oldBackup makes what a program with an older schema would have written.
func oldBackup(t *testing.T, seed string, version int) (file, digest string) {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made.db")
	restoreTo(t, made, seed, version)
	file = filepath.Join(t.TempDir(), "old.db")
	d, err := DraftOf(t.Context(), file, made)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	digest = digestOf(t, d.Store).Sum()
	if err := d.mark(t.Context(), Mark{MadeAt: backupStart, Program: "old", Schema: int64(version), Digest: digest}); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	return file, digest
}

// A backup of every schema that there ever was is checked as it was made, and then brought to the newest.
func TestBackupsOfOlderSchemas(t *testing.T) {
	t.Parallel()
	for seed, fill := range storetest.Seeds() {
		t.Run(seed, func(t *testing.T) {
			t.Parallel()
			fresh := openAt(t, filepath.Join(t.TempDir(), "fresh.db"))
			fill(t, fresh)
			want := storetest.Tell(t, fresh)
			for version := range newestSchema(t) {
				version++
				if seed == storetest.Long && !storetest.HasFixture(seed, version) {
					continue // no program ended with it, and the short seed was there
				}
				t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
					t.Parallel()
					wantWorld(t, seed, want, openAt(t, restoredBackup(t, seed, version)))
				})
			}
		})
	}
}

// restoredBackup checks an old backup, and makes a ledger of the newest schema of it.
func restoredBackup(t *testing.T, seed string, version int) (path string) {
	t.Helper()
	file, digest := oldBackup(t, seed, version)
	path = filepath.Join(t.TempDir(), "restored.db")
	d, err := DraftOf(t.Context(), path, file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	mark, err := d.Verify(t.Context(), nil)
	if err != nil || mark.Digest != digest {
		t.Fatalf("%+v, %v", mark, err)
	}
	for _, step := range []func(context.Context) error{d.Unmark, d.Migrate} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A backup of a program that knows more than this one is refused, and so is looking at it no mistake.
func TestNewerThanThisProgram(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	storetest.Seed(t, s)
	file := filepath.Join(t.TempDir(), "b.db")
	keepBackup(t, s, file)
	later := func(path string) error {
		d, err := DraftOf(t.Context(), path, file)
		if err != nil {
			return err
		}
		defer d.Discard()
		for _, change := range []string{
			`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`, `UPDATE backup SET value = '999' WHERE key = 'schema'`,
			`CREATE TABLE wonders (id INTEGER PRIMARY KEY, wonder REAL)`, // no program of today can read it
		} {
			if _, err := d.db.ExecContext(t.Context(), change); err != nil {
				return err
			}
		}
		return d.Keep()
	}
	newer := filepath.Join(t.TempDir(), "newer.db")
	if err := later(newer); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, newer)
	schema, err := Inspect(t.Context(), newer)
	if err != nil || !schema.Newer() || schema.Current != 999 {
		t.Errorf("looking: %+v, %v", schema, err)
	}
	if !bytes.Equal(readFile(t, newer), before) {
		t.Error("looking changed it")
	}
	wantFiles(t, filepath.Dir(newer), "newer.db")
	d, err := DraftOf(t.Context(), filepath.Join(t.TempDir(), "r.db"), newer)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	if _, err := d.Verify(t.Context(), nil); !fault.Is(err, fault.Unsupported) {
		t.Errorf("restoring it: %v", err)
	}
	if _, err := Open(t.Context(), newer); !fault.Is(err, fault.Conflict) {
		t.Errorf("opening the backup: %v", err)
	}
	if err := d.Unmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), d.path); !fault.Is(err, fault.Unsupported) {
		t.Errorf("opening a ledger: %v", err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	dir := readOnlyDir(t)
	if _, err := NewDraft(t.Context(), filepath.Join(dir, "b.db")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a backup into it: %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "new.db")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a ledger in it: %v", err)
	}
	wantFiles(t, dir)
	wantWhole(t, s)
}
