package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	engine "github.com/tallystick/tallystick/internal/store/postgres"
)

// postgresVariable holds the URL of a PostgreSQL server on which we may make databases.
const postgresVariable = "TALLYSTICK_TEST_POSTGRES"

const (
	copyShare = 0.1
	copyRows  = 100_000
)

// postgres compares appending on PostgreSQL with its COPY.
func (b *bench) postgres(ctx context.Context) ([]row, error) {
	kinds := []string{"1,000 workloads with all dates moved, appended on PostgreSQL", "1,000 new workloads appended on PostgreSQL"}
	server := os.Getenv(postgresVariable)
	if server == "" {
		return notMeasured(kinds, "", "not measured: "+postgresVariable+" is not set"), nil
	}
	db, err := newDatabase(ctx, server)
	if err != nil {
		return nil, err
	}
	defer db.drop()
	c := &clock{}
	c.set(endOfReadings())
	s, err := engine.Open(ctx, db.url, engine.Now(c.now))
	if err != nil {
		return nil, err
	}
	defer s.Close()                        //nolint:errcheck // nothing is read from it
	copying, err := newCopier(ctx, db.url) // behind us: its table is none of ours
	if err != nil {
		return nil, err
	}
	defer copying.close()
	serial := 0
	w, err := newWriter(ctx, &ledger.Ledger{Store: s, Now: c.now}, &fleet.Directory{Companies: s, Servers: s, Policy: s, Now: c.now, NewUID: func() string {
		serial++
		return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", serial)
	}}, c)
	if err != nil {
		return nil, err
	}
	var rows []row
	for i, next := range []func(*lane) job{w.moved, w.new} {
		f, ceiling, ratio, err := pairs(func() (float64, error) {
			r, err := w.rate(ctx, freshAtATime, 1, next)
			return r * appendSize, err
		}, func() (float64, error) { return copying.rate(ctx) })
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			what: kinds[i], figure: count(f) + " rows/s", ceiling: "COPY of 100,000 " + count(ceiling) + " rows/s",
			ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", copyShare), holds: holds(ratio >= copyShare),
		})
	}
	return rows, nil
}

func notMeasured(kinds []string, ceiling, why string) []row {
	var rows []row
	for _, what := range kinds {
		rows = append(rows, row{what: what, figure: why, ceiling: ceiling, bar: fmt.Sprintf("≥ %.1f", copyShare), holds: unknown})
	}
	return rows
}

// database is an empty one of our own.
type database struct{ server, name, url string }

func newDatabase(ctx context.Context, server string) (*database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	d := &database{server: server, name: "bench_" + strings.ToLower(rand.Text())}
	u.Path = "/" + d.name
	d.url = u.String()
	err = d.execute(ctx, "CREATE DATABASE "+d.name+" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
	return d, err
}

func (d *database) execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, d.server)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (d *database) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = d.execute(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)") // what stays is named after us
}

// copier is PostgreSQL without us: the same table as plain's, filled by COPY.
type copier struct {
	conn *pgx.Conn
	rows *plain
}

func newCopier(ctx context.Context, url string) (*copier, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `CREATE TABLE plain (id bigint PRIMARY KEY, a bigint NOT NULL, b bigint NOT NULL, c bigint NOT NULL, d bigint NOT NULL,
		uid text NOT NULL, name text NOT NULL)`)
	return &copier{conn, &plain{}}, err
}

func (c *copier) close() { _ = c.conn.Close(context.Background()) } // the database is dropped

func (c *copier) rate(ctx context.Context) (float64, error) {
	begin := time.Now()
	_, err := c.conn.CopyFrom(ctx, pgx.Identifier{"plain"}, []string{"id", "a", "b", "c", "d", "uid", "name"},
		pgx.CopyFromSlice(copyRows, func(int) ([]any, error) { return c.rows.row(), nil }))
	return copyRows / time.Since(begin).Seconds(), err
}
