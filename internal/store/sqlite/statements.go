package sqlite

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// statementsMax bounds how many statements a connection keeps: more than the texts of this program, few enough for a
// program that writes texts of its own.
const statementsMax = 128

// keeping opens connections that keep their statements. Differs because SQLite parses each text anew, which takes longer
// than running most of them; PostgreSQL's driver keeps them itself.
type keeping struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return keeping{c}, err
}

// engineConn is what every connection of the driver can.
type engineConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	engine, ok := c.(engineConn)
	if !ok { // slower, and right
		return c, nil
	}
	return &conn{engineConn: engine, kept: make(map[string]*statement)}, nil
}

// conn is a connection with the statements that were run on it. database/sql lets one caller at a time use it.
type conn struct {
	engineConn
	kept map[string]*statement
}

// statement is a prepared one; while its rows are read it cannot be run again.
type statement struct {
	driver.Stmt
	running bool
}

// Unwrap gives the driver's own connection.
func (c *conn) Unwrap() driver.Conn { return c.engineConn }

// statement gives the kept statement of a text; nil: it is to be run without one.
func (c *conn) statement(ctx context.Context, query string) (*statement, error) {
	if s := c.kept[query]; s != nil {
		if s.running {
			return nil, nil //nolint:nilnil // not an error: two at a time are rare
		}
		return s, nil
	}
	if len(c.kept) >= statementsMax {
		return nil, nil //nolint:nilnil // likewise
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: prepared}
	c.kept[query] = s
	return s, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if run, ok := s.Stmt.(driver.StmtExecContext); ok {
			return run.ExecContext(ctx, args)
		}
	}
	return c.engineConn.ExecContext(ctx, query, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if run, ok := s.Stmt.(driver.StmtQueryContext); ok {
			rows, err := run.QueryContext(ctx, args)
			if err != nil {
				return nil, err
			}
			s.running = true
			return &keptRows{rows, s}, nil
		}
	}
	return c.engineConn.QueryContext(ctx, query, args)
}

// Close gives up the statements first: the engine counts them.
func (c *conn) Close() error {
	for _, s := range c.kept {
		_ = s.Close() // the connection goes, whatever it says
	}
	clear(c.kept)
	return c.engineConn.Close()
}

// keptRows are rows of a kept statement, which is free again when they are closed.
type keptRows struct {
	driver.Rows
	of *statement
}

func (r *keptRows) Close() error {
	r.of.running = false
	return r.Rows.Close()
}
