package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Kind is what a column holds, by the same name in every engine.
type Kind string

// The kinds of columns; a schema that needs another one must teach the copier and the digest about it.
const (
	Integer Kind = "integer"
	Text    Kind = "text"
	Blob    Kind = "blob"
)

// Column is one column of a table.
type Column struct {
	Name     string
	Kind     Kind
	Nullable bool
	Key      int      // its place in the primary key, from 1; 0: not in it
	Refers   []string // the tables that it refers to
}

// Table is one table as the engine describes it.
type Table struct {
	Name    string
	Columns []Column // by name
}

// The tables that belong to one database and not to the ledger: nothing of them is copied, backed up or in a digest.
const (
	versionTable  = "goose_db_version" // every database has its own
	sessionsTable = "sessions"         // a log-in is not carried to another database: people log in again
	backupTable   = "backup"           // what a backup file says of itself
)

func apart(table string) bool {
	return table == versionTable || table == sessionsTable || table == backupTable || strings.HasPrefix(table, "sqlite_")
}

// tables gives what is copied: every table of the live schema but those apart, each behind those that it refers to.
// This is the only list of tables; what a migration adds is in it without anybody's doing.
func (s *Store) tables(ctx context.Context, tx *sql.Tx) ([]Table, error) {
	found, err := s.describe(ctx, tx)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(t Table) bool { return apart(t.Name) })
	for _, t := range found {
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	return inOrder(found)
}

// inOrder puts each table behind those that it refers to.
func inOrder(tables []Table) ([]Table, error) {
	rest := make(map[string]Table)
	for _, t := range tables {
		rest[t.Name] = t
	}
	var ordered []Table
	for len(rest) > 0 {
		before := len(rest)
		for _, name := range slices.Sorted(maps.Keys(rest)) {
			if t := rest[name]; !t.refersTo(rest) {
				ordered = append(ordered, t)
				delete(rest, name)
			}
		}
		if len(rest) == before {
			return nil, fault.New(fault.Internal, "the tables %s refer to each other in a circle", slices.Sorted(maps.Keys(rest)))
		}
	}
	return ordered, nil
}

func (t Table) refersTo(others map[string]Table) bool {
	for _, c := range t.Columns {
		for _, name := range c.Refers {
			if _, there := others[name]; there && name != t.Name {
				return true
			}
		}
	}
	return false
}

func (t Table) check() error {
	if len(t.key()) == 0 {
		return fault.New(fault.Internal, "table %s has no primary key, so its rows have no order", t.Name)
	}
	for _, c := range t.Columns {
		if c.Kind != Integer && c.Kind != Text && c.Kind != Blob {
			return fault.New(fault.Internal, "column %s.%s holds %q, which is not one of integer, text, blob", t.Name, c.Name, c.Kind)
		}
	}
	return nil
}

// key gives the columns of the primary key in its order.
func (t Table) key() []Column {
	var key []Column
	for _, c := range t.Columns {
		if c.Key > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(a, b Column) int { return a.Key - b.Key })
	return key
}

// names gives the columns' names, ready for a statement.
func (t Table) names() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quoted(c.Name)
	}
	return strings.Join(names, ", ")
}

// quoted names come from the schema, never from a user.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// shape is equal where two engines have the same tables.
func shape(tables []Table) string {
	var b strings.Builder
	for _, t := range tables {
		b.WriteString(t.Name + "(")
		for _, c := range t.Columns {
			null := ""
			if c.Nullable {
				null = " null"
			}
			b.WriteString(c.Name + " " + string(c.Kind) + null + " " + strconv.Itoa(c.Key) + ", ")
		}
		b.WriteString(")\n")
	}
	return b.String()
}
