package main

import (
	"context"
	"database/sql"
	"os"

	_ "modernc.org/sqlite" // the engine under test
)

// file is one SQLite file with one connection: shapes are compared by what they write, not by their locking.
type file struct {
	ctx  context.Context //nolint:containedctx // one context for the whole run
	db   *sql.DB
	tx   *sql.Tx
	path string
	made map[string]*sql.Stmt
}

func openFile(ctx context.Context, path, schema string) (*file, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	f := &file{ctx: ctx, db: db, path: path, made: map[string]*sql.Stmt{}}
	_, err = db.ExecContext(ctx, schema)
	return f, err
}

func (f *file) begin() (err error) {
	f.tx, err = f.db.BeginTx(f.ctx, nil)
	return err
}

func (f *file) commit() error {
	tx := f.tx
	f.tx = nil
	return tx.Commit()
}

func (f *file) statement(text string) (*sql.Stmt, error) {
	s, ok := f.made[text]
	if !ok {
		var err error
		if f.tx != nil {
			if s, err = f.tx.PrepareContext(f.ctx, text); err != nil {
				return nil, err
			}
			return s, nil
		}
		if s, err = f.db.PrepareContext(f.ctx, text); err != nil {
			return nil, err
		}
		f.made[text] = s
	}
	if f.tx != nil {
		return f.tx.StmtContext(f.ctx, s), nil
	}
	return s, nil
}

// prepare makes statements before a transaction holds the only connection.
func (f *file) prepare(texts ...string) error {
	for _, text := range texts {
		if _, err := f.statement(text); err != nil { //nolint:sqlclosecheck // closed with the file
			return err
		}
	}
	return nil
}

func (f *file) exec(text string, args ...any) error {
	s, err := f.statement(text) //nolint:sqlclosecheck // closed with the file or the transaction
	if err != nil {
		return err
	}
	_, err = s.ExecContext(f.ctx, args...)
	return err
}

// rows calls each for every row of an answer.
func (f *file) rows(each func(*sql.Rows) error, text string, args ...any) error {
	s, err := f.statement(text) //nolint:sqlclosecheck // closed with the file
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(f.ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// size folds the log into the file and gives the file's bytes.
func (f *file) size() (int64, error) {
	if _, err := f.db.ExecContext(f.ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, err
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *file) close() error { return f.db.Close() }
