package app_test

import (
	"bytes"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/sim"
)

// A file that is taken away or replaced under a running console is never answered over, not from memory either;
// doctor names it. Put back, all goes on.
func TestJourneyOfALostFile(t *testing.T) {
	t.Parallel()
	const words = "deleted or replaced"
	for name, c := range map[string]struct {
		file   string
		lose   func(t *testing.T, path string)
		doctor bool // names it
	}{
		"deleted":          {"tallystick.db", remove, true},
		"replaced":         {"tallystick.db", replace, false}, // what lies there now may be whole
		"journal deleted":  {"tallystick.db-wal", remove, true},
		"journal replaced": {"tallystick.db-wal", replace, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, log := console(t, ground{})
			path := filepath.Join(w.on.dir, c.file)
			aside := path + ".aside"
			if err := os.Link(path, aside); err != nil {
				t.Fatal(err)
			}
			w.suffer(log, outage{
				begin: func() {
					c.lose(t, path)
					if !c.doctor {
						return
					}
					if wrong := w.doctor(); !strings.Contains(wrong["store"], c.file) {
						t.Errorf("doctor does not name it: %v", wrong)
					}
				},
				end: func() {
					if err := os.Rename(aside, path); err != nil {
						t.Error(err)
					}
				},
				noted: "reading not recorded", words: words,
			})
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path string) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", whole, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Page after page of the file is damaged under a running console: each answer is right, or none is given, and doctor
// says what is wrong.
func TestJourneyOfDamagedPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, outageBegin, referenceScenario(sim.Wire131))
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	path := filepath.Join(w.on.dir, "tallystick.db")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()                                                                          //nolint:errcheck // its file is damaged
	if _, err := other.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil { // all of it lies in the file now
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // damaged on purpose
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	const then = usagePath + "?asOf=2026-10-20T02:00:00Z" // is counted, not kept
	asked, refused := 0, 0
	for at := info.Size() - page; at >= page; at -= page {
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xa5}, page), at); err != nil {
			t.Fatal(err)
		}
		if _, err := other.ExecContext(t.Context(), `UPDATE meta SET version = version + 1`); err != nil { // no page in memory holds any more
			break
		}
		for _, path := range []string{usagePath, then} {
			asked++
			switch status, _, body := w.ask(path); {
			case status == http.StatusOK && body != referenceRows:
				t.Errorf("answered over damage from page %d on: %s", at/page+1, body)
			case status == http.StatusInternalServerError && strings.Contains(body, "request id"):
				refused++
			case status != http.StatusOK:
				t.Errorf("damage from page %d on: %d %s", at/page+1, status, body)
			}
		}
	}
	if refused == 0 {
		t.Errorf("%d answers, and none was refused", asked)
	}
	t.Logf("%d of %d answers were refused", refused, asked)
	if wrong := w.doctor(); !strings.Contains(wrong["store"]+wrong["engine"], "damaged") {
		t.Errorf("doctor does not name it: %v", wrong)
	}
}
