package sqlstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// A list is kept once under the digest of its canonical form, so that a reading
// whose list has not changed costs one reference.
const (
	listExistsSQL = `SELECT 1 FROM lists WHERE digest = $1`
	insertListSQL = `INSERT INTO lists (digest, workloads, tenants, size, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (digest) DO NOTHING`
	selectListSQL = `SELECT size, body FROM lists WHERE digest = $1`
)

// storedList is a row of lists. body is empty where the list is known to be there already.
type storedList struct {
	digest    []byte // nil: list not read (C27)
	workloads int
	tenants   string // JSON array of the distinct names, sorted
	size      int    // of the canonical form
	body      []byte // that, compressed
}

// prepareList does what needs no lock: the canonical form, its digest, and its compression unless it is there.
func (s *Store) prepareList(ctx context.Context, snapshot *usage.Snapshot) (storedList, error) {
	if snapshot.Workloads == nil {
		return storedList{}, nil
	}
	text := snapshot.CanonicalList()
	digest := sha256.Sum256(text)
	l := storedList{digest: digest[:], workloads: len(snapshot.Workloads), size: len(text)}
	known := false
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		known, err = exists(ctx, tx, listExistsSQL, l.digest)
		return err
	})
	if err != nil || known {
		return l, err
	}
	if l.tenants, err = tenantsOf(snapshot.Workloads); err != nil {
		return l, err
	}
	l.body, err = compress(text)
	return l, err
}

// insertList stores a list that was not there; lists are never deleted, so one that was there still is.
func insertList(ctx context.Context, tx *sql.Tx, l storedList) error {
	if l.body == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, insertListSQL, l.digest, l.workloads, l.tenants, l.size, l.body)
	return err
}

// loadList gives the workloads under a digest, sorted by tenant, then id.
func loadList(ctx context.Context, tx *sql.Tx, digest []byte) ([]usage.Workload, error) {
	l, found, err := first(ctx, tx, func(row scanner) (l storedList, err error) {
		err = row.Scan(&l.size, &l.body)
		return l, err
	}, selectListSQL, digest)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Internal, "a list of workloads is missing: the database is damaged")
	}
	text, err := decompress(l)
	if err != nil {
		return nil, err
	}
	workloads, err := usage.ParseWorkloads(text)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a stored list of workloads cannot be read: the database is damaged")
	}
	slices.SortFunc(workloads, func(a, b usage.Workload) int {
		if c := strings.Compare(a.Tenant, b.Tenant); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return workloads, nil
}

func tenantsOf(workloads []usage.Workload) (string, error) {
	names := make([]string, 0, 1)
	seen := make(map[string]bool)
	for i := range workloads {
		if name := workloads[i].Tenant; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text, err := json.Marshal(names)
	return string(text), err
}

func compress(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// decompress reads exactly the size that was stored: a damaged body is told by gzip's own checksum.
func decompress(l storedList) ([]byte, error) {
	damaged := func(err error) error {
		return fault.Wrap(err, fault.Internal, "a stored list of workloads is damaged")
	}
	z, err := gzip.NewReader(bytes.NewReader(l.body))
	if err != nil {
		return nil, damaged(err)
	}
	text := bytes.NewBuffer(make([]byte, 0, l.size+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(z, int64(l.size)+1)); err != nil {
		return nil, damaged(err)
	}
	if text.Len() != l.size {
		return nil, damaged(io.ErrUnexpectedEOF)
	}
	return text.Bytes(), nil
}
