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
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/pgtest"
)

// manyReadings makes a ledger that takes a while to copy.
func manyReadings(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	importLedger(t, dir)
	path, _ := readingFile(t)
	a := openApp(t, dir)
	defer closeApp(t, a)
	if result, err := a.Import(t.Context(), app.ImportOptions{Files: []string{path}}); err != nil || result.Appended != readingsKilled {
		t.Fatalf("%+v, %v", result, err)
	}
	return dir
}

// digestIn backs a ledger up to learn its digest.
func digestIn(t *testing.T, o app.Options) string {
	t.Helper()
	r, err := app.Backup(t.Context(), o, filepath.Join(t.TempDir(), "digest.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Digest
}

// remains checks that what a killed program left beside its target says by its name that it is unfinished.
func remains(t *testing.T, dir string, allowed ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		known := strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), ".part-")
		for _, name := range allowed {
			known = known || e.Name() == name
		}
		if !known {
			t.Errorf("it left %s", e.Name())
		}
	}
}

func wantHits(t *testing.T, hits int) {
	t.Helper()
	t.Logf("killed %d of %d times", hits, kills)
	if hits == 0 {
		t.Error("never killed in the middle: the test proves nothing")
	}
}

// moments are those of a program that takes about as long: machines differ by a factor of ten.
type moments struct{ lasts time.Duration }

func newMoments() *moments { return &moments{250 * time.Millisecond} }

func (m *moments) any() time.Duration { return time.Duration(rand.Int64N(int64(m.lasts))) }

// kill kills a program at any moment of it, and reports whether it still ran.
func (m *moments) kill(t *testing.T, args ...string) (hit bool) {
	t.Helper()
	begin := time.Now()
	if hit = killed(t, m.any(), args...); hit {
		m.lasts += m.lasts / 10
	} else {
		m.lasts = time.Since(begin)
	}
	return hit
}

// kill -9 at any moment of a backup: there is no file, or a whole one.
func TestKilledBackup(t *testing.T) {
	t.Parallel()
	dir := manyReadings(t)
	want := digestIn(t, app.Options{DataDir: dir})
	into := t.TempDir()
	hits, moments := 0, newMoments()
	for i := range kills {
		name := fmt.Sprintf("b%d.db", i)
		file := filepath.Join(into, name)
		if moments.kill(t, "backup", "--data", dir, file) {
			hits++
		}
		remains(t, into, name)
		if _, err := os.Stat(file); err == nil {
			if r, err := app.Restore(t.Context(), app.Options{DataDir: t.TempDir()}, file, nil); err != nil || r.Digest != want {
				t.Errorf("a backup that is not whole: %+v, %v", r, err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantHits(t, hits)
	if again := digestIn(t, app.Options{DataDir: dir}); again != want {
		t.Errorf("the ledger has changed: %s, was %s", again, want)
	}
}

// kill -9 at any moment of a restore: there is no ledger, or a whole one.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "b.db")
	made, err := app.Backup(t.Context(), app.Options{DataDir: manyReadings(t)}, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	hits, moments := 0, newMoments()
	for range kills {
		dir := filepath.Join(t.TempDir(), "data")
		if moments.kill(t, "restore", "--data", dir, file) {
			hits++
		}
		remains(t, dir, "tallystick.db", "serve.lock")
		if _, err := os.Stat(filepath.Join(dir, "tallystick.db")); err == nil {
			if got := digestIn(t, app.Options{DataDir: dir}); got != made.Digest {
				t.Errorf("a ledger that is not whole: %s, want %s", got, made.Digest)
			}
		} else if _, err := app.Restore(t.Context(), app.Options{DataDir: dir}, file, nil); err != nil {
			t.Errorf("the repeat: %v", err)
		}
	}
	wantHits(t, hits)
}

// kill -9 at any moment of a move to a server: it is empty, or holds everything.
func TestKilledMove(t *testing.T) {
	t.Parallel()
	pgtest.Server(t)
	dir := manyReadings(t)
	want := digestIn(t, app.Options{DataDir: dir})
	hits, moments := 0, newMoments()
	url := pgtest.Database(t)
	for range kills {
		if moments.kill(t, "migrate", "--data", dir, "--to", url) {
			hits++
		}
		_, err := app.CheckMove(t.Context(), app.Options{DataDir: dir}, url)
		switch {
		case fault.Is(err, fault.Conflict) && strings.Contains(err.Error(), "not empty"):
			if got := digestIn(t, app.Options{DataDir: dir, Database: url}); got != want {
				t.Errorf("the target is not whole: %s, want %s", got, want)
			}
			url = pgtest.Database(t)
		case err != nil:
			t.Errorf("what is left of it: %v", err)
		}
	}
	wantHits(t, hits)
	if again := digestIn(t, app.Options{DataDir: dir}); again != want {
		t.Errorf("the source has changed: %s, was %s", again, want)
	}
	if r, err := app.Move(t.Context(), app.Options{DataDir: dir}, url, nil); err != nil || r.Digest != want || r.Answers == 0 {
		t.Errorf("the repeat: %+v, %v", r, err)
	}
}

// Ctrl-C ends a backup in order and leaves nothing at all.
func TestInterruptedBackup(t *testing.T) {
	t.Parallel()
	dir, into := manyReadings(t), t.TempDir()
	interrupted, moments := 0, newMoments()
	for i := range kills {
		file := filepath.Join(into, fmt.Sprintf("b%d.db", i))
		cmd := exec.CommandContext(t.Context(), os.Args[0], "backup", "--data", dir, file) //nolint:gosec // this test binary
		cmd.Env = append(os.Environ(), asProgram+"=1")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		timer := time.AfterFunc(moments.any(), func() { _ = cmd.Process.Signal(os.Interrupt) })
		_ = cmd.Wait() // its exit code says how it went
		timer.Stop()
		switch cmd.ProcessState.ExitCode() {
		case exitDone:
			moments.lasts = time.Since(begin)
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		case exitFailed:
			interrupted++
			if !strings.Contains(said.String(), "cancelled") && !strings.Contains(said.String(), "interrupted") {
				t.Errorf("it says: %s", said.String())
			}
		}
		if entries, err := os.ReadDir(into); err != nil || len(entries) > 0 && cmd.ProcessState.Exited() {
			t.Fatalf("it left %v, %v: %s", entries, err, said.String())
		}
		if !cmd.ProcessState.Exited() { // the signal came before the program listened for it
			for _, e := range must(os.ReadDir(into)) {
				_ = os.Remove(filepath.Join(into, e.Name()))
			}
		}
	}
	t.Logf("%d of %d interrupted", interrupted, kills)
	if interrupted == 0 {
		t.Error("never interrupted in the middle: the test proves nothing")
	}
}

func must[T any](v T, _ error) T { return v }

// A damaged ledger is examined in words, never answered over, and not changed by that.
func TestDoctorNotices(t *testing.T) {
	t.Parallel()
	dir := manyReadings(t)
	whole := must(os.ReadFile(filepath.Join(dir, "tallystick.db")))
	for name, content := range map[string][]byte{
		"cut in half": whole[:len(whole)/2],
		"one page":    whole[:4096],
		"nothing":     {},
		"other bytes": bytes.Repeat([]byte("no database\n"), 1000),
		"zeros in the middle": append(append(append([]byte(nil), whole[:len(whole)/4]...), make([]byte, len(whole)/2)...),
			whole[len(whole)/4+len(whole)/2:]...),
	} {
		damaged := t.TempDir()
		if err := os.WriteFile(filepath.Join(damaged, "tallystick.db"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		if code := Main(t.Context(), []string{"doctor", "--recount", "--data", damaged}, strings.NewReader(""), &out, &said); code != exitFailed || !strings.Contains(out.String(), "WRONG") {
			t.Errorf("%s: exit %d\n%s%s", name, code, out.String(), said.String())
		}
		if code := Main(t.Context(), []string{"usage", "show", "2", "--data", damaged}, strings.NewReader(""), &out, &said); code == exitDone {
			t.Errorf("%s: it gives a figure all the same", name)
		}
		if after := must(os.ReadFile(filepath.Join(damaged, "tallystick.db"))); !bytes.Equal(after, content) {
			t.Errorf("%s: looking at it changed it", name)
		}
	}
}
