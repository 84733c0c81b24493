package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the engine whose own speed is the ceiling
)

// rowsPerTransaction is how many rows the engine is given at a time where it is asked for rows.
const rowsPerTransaction = 1000

// plain is the engine without us: a table of five numbers and two texts, as durable as the ledger.
type plain struct {
	db     *sql.DB
	insert *sql.Stmt
	n      int
}

func newPlain(ctx context.Context, path string) (*plain, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	p := &plain{db: db}
	_, err = db.ExecContext(ctx, `CREATE TABLE plain (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER NOT NULL, d INTEGER NOT NULL,
		uid TEXT NOT NULL, name TEXT NOT NULL) STRICT`)
	if err == nil {
		p.insert, err = db.PrepareContext(ctx, `INSERT INTO plain (id, a, b, c, d, uid, name) VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	}
	return p, err
}

func (p *plain) close() { _ = p.db.Close() } // nothing is read from it

// row gives the next row: five numbers, 36 and 34 characters.
func (p *plain) row() []any {
	p.n++
	n := p.n
	return []any{n, n % 7, n % 11, n * 3, n * 5, fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", n), fmt.Sprintf("web-%012d.customer.example", n)}
}

// singles gives transactions of one row a second, asked for from so many sides.
func (p *plain) singles(ctx context.Context, transactions, lanes int) (float64, error) {
	rows := make([][][]any, lanes)
	for i := range transactions {
		rows[i%lanes] = append(rows[i%lanes], p.row())
	}
	return together(transactions, lanes, func(lane, i int) error {
		_, err := p.insert.ExecContext(ctx, rows[lane][i]...)
		return err
	})
}

// thousands gives rows a second in transactions of a thousand.
func (p *plain) thousands(ctx context.Context, transactions int) (float64, error) {
	begin := time.Now()
	for range transactions {
		if err := p.thousand(ctx); err != nil {
			return 0, err
		}
	}
	return float64(transactions*rowsPerTransaction) / time.Since(begin).Seconds(), nil
}

func (p *plain) thousand(ctx context.Context) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert := tx.StmtContext(ctx, p.insert)
	defer insert.Close() //nolint:errcheck // of the transaction
	for range rowsPerTransaction {
		if _, err := insert.ExecContext(ctx, p.row()...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
