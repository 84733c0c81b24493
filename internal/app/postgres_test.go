package app_test

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/testkit"
)

// A database server that is lost and comes back is the console's again without a restart, and its alone.
func TestJourneyOfALostDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	w, log := console(t, ground{database: cluster.URL()})
	w.suffer(log, outage{
		begin: cluster.Crash, end: cluster.Start,
		noted: "reading not recorded", words: "database", retries: true,
	})
	db, err := sql.Open("pgx", cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()                                                 //nolint:errcheck // the test is over
	testkit.Until(t, "the console has its lock again", func() bool { // until then a second one could be quicker
		var held int
		err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 701835627 AND objsubid = 2 AND granted`).Scan(&held)
		return err == nil && held > 0
	})
	second, err := w.second(cluster.URL())
	if err == nil {
		second.end()
	}
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "another console") {
		t.Errorf("a second console: %v", err)
	}
}

// A database server that hangs is told in time, also to who only reads, and answers again when it goes on.
func TestJourneyOfAHungDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	w, log := console(t, ground{database: cluster.URL(), within: 3 * time.Second})
	var resume func()
	w.suffer(log, outage{
		begin: func() { resume = cluster.Pause() }, end: func() { resume() },
		noted: "the store does not answer", words: "in time", retries: true, within: time.Second,
	})
}

// Another session that holds the lock of all writers stops log-ins, in words and in time, and no answers.
func TestJourneyOfALockedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, outageBegin, referenceScenario(sim.Wire131), ground{database: pgtest.Database(t), within: time.Second})
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	db, err := sql.Open("pgx", w.on.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the test is over
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM meta FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	for range 3 { // more than there are writing connections
		if status, body := w.tryLogin(); status != http.StatusServiceUnavailable || !strings.Contains(body, "in time") {
			t.Errorf("a log-in: %d %s", status, body)
		}
	}
	if rows, complete, _ := w.figure(); rows != referenceRows || !complete {
		t.Errorf("the figure meanwhile: %s, complete %v", rows, complete)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	w.login()
}

// Where another console was quicker to take a database that came back, the first one ends and says why.
func TestJourneyOfTwoConsoles(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	way := filepath.Join(t.TempDir(), "way") // of the first console to the server, and its alone
	host := strings.TrimPrefix(cluster.URL(), "postgres://tallystick@/postgres?host=")
	link := func() {
		t.Helper()
		if err := os.Symlink(host, way); err != nil {
			t.Fatal(err)
		}
	}
	link()
	w := newWorldOn(t, outageBegin, referenceScenario(sim.Wire131), ground{database: strings.Replace(cluster.URL(), host, way, 1)})
	cluster.Crash()
	if err := os.Remove(way); err != nil {
		t.Fatal(err)
	}
	cluster.Start()
	second, err := w.second(cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer second.end()
	link()
	select {
	case err := <-w.ended:
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "another console") {
			t.Errorf("the first one ends with %v", err)
		}
	case <-time.After(testkit.Patience):
		t.Error("the first one goes on")
	}
}

// running is a second console of a test.
type running struct{ end func() }

// second starts another console on a database, in a data directory of its own.
func (w *world) second(database string) (running, error) {
	w.t.Helper()
	options := w.options(nil)
	options.DataDir, options.Database = w.t.TempDir(), database
	a, err := app.Open(w.ctx, options)
	if err != nil {
		return running{}, err
	}
	server, err := a.Prepare(w.ctx, app.ServeOptions{Listen: "127.0.0.1:0", Passive: true})
	if err != nil {
		_ = a.Close()
		return running{}, err
	}
	ctx, stop := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, nil) }()
	return running{func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}}, nil
}
