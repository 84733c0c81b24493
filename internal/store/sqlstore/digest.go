package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Digest is the SHA-256 over all rows of all tables, the same in every engine that holds the same. The tables
// of the migrator and of sessions, and what a backup says of itself, are not in it.
//
// A table is hashed in the order of its primary key, integers by value, text and blobs by their bytes, and in each
// row the columns in the order of their names. A value is a letter, and what follows it:
//
//	n  NULL; also an empty blob in a column that may be NULL, which not every driver tells from it
//	i  an integer, 8 bytes, big endian, two's complement
//	t  text, its length in 8 bytes, its bytes in UTF-8
//	b  a blob, the same
type Digest struct {
	Rows   int64
	Tables []TableDigest // by name
}

// TableDigest is that of one table.
type TableDigest struct {
	Name string
	Rows int64
	SHA  [sha256.Size]byte
}

// digestMark changes when the encoding does.
const digestMark = "tallystick.digest/v1\n"

// Sum is the digest over all tables, in hex.
func (d Digest) Sum() string {
	h := sha256.New()
	h.Write([]byte(digestMark))
	for _, t := range d.Tables {
		writeBytes(h, 't', []byte(t.Name))
		writeInt(h, t.Rows)
		h.Write(t.SHA[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Differs names the tables in which two digests differ; empty where they are the same.
func (d Digest) Differs(other Digest) string {
	var names []string
	for _, t := range d.Tables {
		if !slices.Contains(other.Tables, t) {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 && len(d.Tables) != len(other.Tables) {
		names = append(names, "the list of tables")
	}
	return strings.Join(names, ", ")
}

// Progress is told how far long work over rows has come; done == of at its end.
type Progress func(done, of int64)

// Digest reads every row in one consistent state.
func (s *Store) Digest(ctx context.Context, progress Progress) (d Digest, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		d, err = s.digest(ctx, tx, progress)
		return err
	})
	return d, err
}

func (s *Store) digest(ctx context.Context, tx *sql.Tx, progress Progress) (Digest, error) {
	tables, err := s.tables(ctx, tx)
	if err != nil {
		return Digest{}, err
	}
	w, err := s.walkOver(ctx, tx, tables, progress)
	if err != nil {
		return Digest{}, err
	}
	for _, t := range tables {
		if err := w.table(ctx, t, func([]any) error { return nil }); err != nil {
			return Digest{}, err
		}
	}
	return w.digest(), nil
}

// walk goes over all rows, hashes them, and hands each on.
type walk struct {
	store    *Store
	tx       *sql.Tx
	progress Progress
	done, of int64
	tables   []TableDigest
}

func (s *Store) walkOver(ctx context.Context, tx *sql.Tx, tables []Table, progress Progress) (*walk, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	w := &walk{store: s, tx: tx, progress: progress}
	for _, t := range tables {
		n, _, err := first(ctx, tx, scanInt, `SELECT COUNT(*) FROM `+quoted(t.Name))
		if err != nil {
			return nil, err
		}
		w.of += n
	}
	return w, nil
}

// progressRows is how many rows lie between two reports.
const progressRows = 1000

// table reads a table row by row; what each gets is its own only until it returns.
func (w *walk) table(ctx context.Context, t Table, each func([]any) error) error {
	rows, err := w.tx.QueryContext(ctx, w.store.selectAll(t))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	h := sha256.New()
	h.Write([]byte(digestMark))
	values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	count := int64(0)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range values {
			if values[i], err = canonical(t, t.Columns[i], values[i]); err != nil {
				return err
			}
			writeValue(h, values[i])
		}
		if err := each(values); err != nil {
			return err
		}
		count++
		if w.done++; w.done%progressRows == 0 {
			w.progress(w.done, max(w.of, w.done))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	w.tables = append(w.tables, TableDigest{Name: t.Name, Rows: count, SHA: [sha256.Size]byte(h.Sum(nil))})
	return nil
}

func (w *walk) digest() Digest {
	w.progress(w.done, w.done)
	slices.SortFunc(w.tables, func(a, b TableDigest) int { return strings.Compare(a.Name, b.Name) })
	return Digest{Rows: w.done, Tables: w.tables}
}

func (s *Store) selectAll(t Table) string {
	order := make([]string, 0, 2)
	for _, c := range t.key() {
		by := quoted(c.Name)
		if c.Kind == Text {
			by += s.byBytes
		}
		order = append(order, by)
	}
	return `SELECT ` + t.names() + ` FROM ` + quoted(t.Name) + ` ORDER BY ` + strings.Join(order, ", ")
}

// canonical is a value as every engine would give it.
func canonical(t Table, c Column, value any) (any, error) {
	switch v := value.(type) {
	case int64:
		if c.Kind == Integer {
			return v, nil
		}
	case string:
		if c.Kind == Text {
			return v, textOf(t, c, v)
		}
	case []byte:
		switch {
		case c.Kind == Text:
			return string(v), textOf(t, c, string(v))
		case c.Kind == Blob && len(v) == 0 && c.Nullable:
			return nil, nil //nolint:nilnil // NULL
		case c.Kind == Blob && v == nil: // an empty one, which another driver would take for NULL
			return []byte{}, nil
		case c.Kind == Blob:
			return v, nil
		}
	case nil:
		switch {
		case c.Nullable:
			return nil, nil //nolint:nilnil // NULL
		case c.Kind == Blob: // an empty one, which its driver gives as nil
			return []byte{}, nil
		}
	}
	return nil, fault.New(fault.Internal, "a row of table %s holds %T in column %s: the database is damaged", t.Name, value, c.Name)
}

// textOf refuses what one engine can hold and another cannot.
func textOf(t Table, c Column, text string) error {
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return fault.New(fault.Internal, "column %s of table %s holds %q, which is no text in UTF-8: the database is damaged", c.Name, t.Name, text)
	}
	return nil
}

func writeValue(h hash.Hash, value any) {
	switch v := value.(type) {
	case nil:
		h.Write([]byte{'n'})
	case int64:
		h.Write([]byte{'i'})
		writeInt(h, v)
	case string:
		writeBytes(h, 't', []byte(v))
	case []byte:
		writeBytes(h, 'b', v)
	}
}

func writeBytes(h hash.Hash, letter byte, b []byte) {
	h.Write([]byte{letter})
	writeInt(h, int64(len(b)))
	h.Write(b)
}

func writeInt(h hash.Hash, n int64) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // the bits are what is written
}
