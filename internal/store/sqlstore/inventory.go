package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

const (
	repositoryColumns   = `SELECT id, server, uid, present, name, health, capacity, free, used, checksum FROM repositories`
	repositorySQL       = repositoryColumns + ` WHERE id = $1 AND present = 1`
	repositoriesSQL     = repositoryColumns + ` WHERE present = 1 ORDER BY id`
	repositoriesOfSQL   = repositoryColumns + ` WHERE server = $1`
	allRepositoriesSQL  = repositoryColumns + ` ORDER BY id`
	repositoryIDsSQL    = `SELECT server, id FROM repositories WHERE present = 1`
	repositoryIDsOfSQL  = `SELECT server, id FROM repositories WHERE server = $1 AND present = 1`
	nextRepositorySQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM repositories` // rows are never deleted, so a number never returns
	insertRepositorySQL = `INSERT INTO repositories (id, server, uid, present, name, health, capacity, free, used, checksum)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	updateRepositorySQL = `UPDATE repositories SET server = $2, uid = $3, present = $4, name = $5, health = $6, capacity = $7, free = $8, used = $9,
 checksum = $10 WHERE id = $1`

	jobColumns = `SELECT id, server, uid, present, name, type, workload, schedule, enabled, running, result, last_run, ended_at, objects,
 duration, rate, transferred, bottleneck, checksum FROM jobs`
	jobSQL       = jobColumns + ` WHERE id = $1 AND present = 1`
	jobsSQL      = jobColumns + ` WHERE present = 1 ORDER BY id`
	jobsOfSQL    = jobColumns + ` WHERE server = $1`
	allJobsSQL   = jobColumns + ` ORDER BY id`
	jobIDsSQL    = `SELECT server, id FROM jobs WHERE present = 1`
	jobIDsOfSQL  = `SELECT server, id FROM jobs WHERE server = $1 AND present = 1`
	nextJobSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM jobs`
	insertJobSQL = `INSERT INTO jobs (id, server, uid, present, name, type, workload, schedule, enabled, running, result, last_run, ended_at, objects,
 duration, rate, transferred, bottleneck, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
	updateJobSQL = `UPDATE jobs SET server = $2, uid = $3, present = $4, name = $5, type = $6, workload = $7, schedule = $8, enabled = $9, running = $10,
 result = $11, last_run = $12, ended_at = $13, objects = $14, duration = $15, rate = $16, transferred = $17, bottleneck = $18, checksum = $19 WHERE id = $1`

	inventoryColumns   = `SELECT server, repositories_at, jobs_at, failed, checksum FROM inventories`
	inventoriesSQL     = inventoryColumns + ` ORDER BY server`
	inventorySQL       = inventoryColumns + ` WHERE server = $1`
	insertInventorySQL = `INSERT INTO inventories (server, repositories_at, jobs_at, failed, checksum) VALUES ($1, $2, $3, $4, $5)`
	updateInventorySQL = `UPDATE inventories SET repositories_at = $2, jobs_at = $3, failed = $4, checksum = $5 WHERE server = $1`
)

// stock is a table of one kind of thing that servers have.
type stock[T any] struct {
	of, next, insert, update string
	scan                     func(scanner) (stocked[T], proof, error)
	values                   func(*stocked[T]) []any // the row but its checksum, from the id on
	uid                      func(*T) string
	id                       func(*T) *int64
}

// stocked is one of them, and whether the latest reading found it.
type stocked[T any] struct {
	thing   T
	present bool
}

var (
	repositoryStock = stock[fleet.Repository]{
		repositoriesOfSQL, nextRepositorySQL, insertRepositorySQL, updateRepositorySQL, scanRepository, repositoryValues,
		func(r *fleet.Repository) string { return r.UID }, func(r *fleet.Repository) *int64 { return (*int64)(&r.ID) },
	}
	jobStock = stock[fleet.Job]{
		jobsOfSQL, nextJobSQL, insertJobSQL, updateJobSQL, scanJob, jobValues,
		func(j *fleet.Job) string { return j.UID }, func(j *fleet.Job) *int64 { return (*int64)(&j.ID) },
	}
)

// ReplaceInventory puts an inventory in place of the server's last one; what did not change is not written. No answer that
// is kept at hand rests on it, so Head.Version stays.
func (s *Store) ReplaceInventory(ctx context.Context, i fleet.Inventory) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := needServer(ctx, tx, i.Server); err != nil {
			return err
		}
		if i.Repositories != nil {
			if err := repositoryStock.replace(ctx, tx, i.Server, i.Repositories); err != nil {
				return err
			}
		}
		if i.Jobs != nil {
			if err := jobStock.replace(ctx, tx, i.Server, i.Jobs); err != nil {
				return err
			}
		}
		return noteInventory(ctx, tx, &i)
	})
}

// noteInventory notes when it was read.
func noteInventory(ctx context.Context, tx *sql.Tx, i *fleet.Inventory) error {
	kept, found, err := first(ctx, tx, proven(scanInventory), inventorySQL, int64(i.Server))
	if err != nil {
		return err
	}
	now := kept
	now.Server, now.Failed = i.Server, i.Failed
	if i.Repositories != nil {
		now.RepositoriesAt = &i.At
	}
	if i.Jobs != nil {
		now.JobsAt = &i.At
	}
	values := inventoryValues(&now)
	statement := insertInventorySQL
	if found {
		if slices.Equal(values, inventoryValues(&kept)) {
			return nil
		}
		statement = updateInventorySQL
	}
	_, err = tx.ExecContext(ctx, statement, append(values, sumOf(values))...)
	return err
}

// replace makes a server's things those of a list.
func (k *stock[T]) replace(ctx context.Context, tx *sql.Tx, server usage.ServerID, list []T) error {
	kept, err := collect(ctx, tx, proven(k.scan), k.of, int64(server))
	if err != nil {
		return err
	}
	known := make(map[string]*stocked[T], len(kept))
	for i := range kept {
		known[k.uid(&kept[i].thing)] = &kept[i]
	}
	next, _, err := first(ctx, tx, scanInt, k.next)
	if err != nil {
		return err
	}
	for i := range list {
		now := stocked[T]{list[i], true}
		before := known[k.uid(&now.thing)]
		if before == nil {
			*k.id(&now.thing) = next
			next++
		} else {
			*k.id(&now.thing) = *k.id(&before.thing)
			delete(known, k.uid(&now.thing))
		}
		if err := k.put(ctx, tx, before, &now); err != nil {
			return err
		}
	}
	for i := range kept {
		if known[k.uid(&kept[i].thing)] == nil {
			continue
		}
		gone := kept[i]
		gone.present = false
		if err := k.put(ctx, tx, &kept[i], &gone); err != nil {
			return err
		}
	}
	return nil
}

// put writes a row where it says something else than before; nil before: it is new.
func (k *stock[T]) put(ctx context.Context, tx *sql.Tx, before, now *stocked[T]) error {
	values := k.values(now)
	statement := k.insert
	if before != nil {
		if slices.Equal(values, k.values(before)) {
			return nil
		}
		statement = k.update
	}
	_, err := tx.ExecContext(ctx, statement, append(values, sumOf(values))...)
	return err
}

// sumOf is the checksum over a row's values.
func sumOf(values []any) int64 {
	parts := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case int64:
			parts[i] = number(v)
		case sql.NullInt64:
			parts[i] = optional(v)
		case string:
			parts[i] = v
		}
	}
	return checksum(parts...)
}

// Inventories says what is kept of servers.
func (s *Store) Inventories(ctx context.Context, only ...usage.ServerID) (list []fleet.InventoryState, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		list = nil
		if len(only) != 1 {
			list, err = inventories(ctx, tx, [3]string{inventoriesSQL, repositoryIDsSQL, jobIDsSQL})
			return err
		}
		list, err = inventories(ctx, tx, [3]string{inventorySQL, repositoryIDsOfSQL, jobIDsOfSQL}, int64(only[0]))
		return err
	})
	if len(only) > 1 {
		wanted := make(map[usage.ServerID]bool, len(only))
		for _, id := range only {
			wanted[id] = true
		}
		list = slices.DeleteFunc(list, func(i fleet.InventoryState) bool { return !wanted[i.Server] })
	}
	return list, err
}

func inventories(ctx context.Context, tx *sql.Tx, queries [3]string, args ...any) ([]fleet.InventoryState, error) {
	list, err := collect(ctx, tx, proven(scanInventory), queries[0], args...)
	if err != nil {
		return nil, err
	}
	repositories, err := collect(ctx, tx, scanPair[usage.ServerID, fleet.RepositoryID], queries[1], args...)
	if err != nil {
		return nil, err
	}
	jobs, err := collect(ctx, tx, scanPair[usage.ServerID, fleet.JobID], queries[2], args...)
	if err != nil {
		return nil, err
	}
	at := make(map[usage.ServerID]*fleet.InventoryState, len(list))
	for i := range list {
		at[list[i].Server] = &list[i]
	}
	for _, p := range repositories {
		if i := at[p.a]; i != nil {
			i.Repositories = append(i.Repositories, p.b)
		}
	}
	for _, p := range jobs {
		if i := at[p.a]; i != nil {
			i.Jobs = append(i.Jobs, p.b)
		}
	}
	for i := range list { // an index that gives all of them in this order would be one more
		slices.Sort(list[i].Repositories)
		slices.Sort(list[i].Jobs)
	}
	return list, nil
}

// Repositories lists those present.
func (s *Store) Repositories(ctx context.Context) ([]fleet.Repository, error) {
	return present(ctx, s, scanRepository, repositoriesSQL)
}

// Repository gives one that is present.
func (s *Store) Repository(ctx context.Context, id fleet.RepositoryID) (fleet.Repository, error) {
	return presentOne(ctx, s, scanRepository, repositorySQL, int64(id), "backup repository")
}

// Jobs lists those present.
func (s *Store) Jobs(ctx context.Context) ([]fleet.Job, error) {
	return present(ctx, s, scanJob, jobsSQL)
}

// Job gives one that is present.
func (s *Store) Job(ctx context.Context, id fleet.JobID) (fleet.Job, error) {
	return presentOne(ctx, s, scanJob, jobSQL, int64(id), "job")
}

func present[T any](ctx context.Context, s *Store, scan func(scanner) (stocked[T], proof, error), query string, args ...any) (list []T, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		rows, err := collect(ctx, tx, proven(scan), query, args...)
		list = make([]T, len(rows))
		for i := range rows {
			list[i] = rows[i].thing
		}
		return err
	})
	return list, err
}

func presentOne[T any](ctx context.Context, s *Store, scan func(scanner) (stocked[T], proof, error), query string, id int64, what string) (one T, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		row, found, err := first(ctx, tx, proven(scan), query, id)
		if err == nil && !found {
			err = fault.New(fault.NotFound, "there is no %s %d", what, id)
		}
		one = row.thing
		return err
	})
	return one, err
}

func scanRepository(row scanner) (r stocked[fleet.Repository], p proof, err error) {
	t := &r.thing
	var capacity, free, used sql.NullInt64
	err = row.Scan((*int64)(&t.ID), (*int64)(&t.Server), &t.UID, &r.present, &t.Name, (*string)(&t.Health), &capacity, &free, &used, &p.kept)
	t.Capacity, t.Free, t.Used = fromNumber[int64](capacity), fromNumber[int64](free), fromNumber[int64](used)
	p.what, p.of, p.want = "repository", int64(t.ID), sumOf(repositoryValues(&r))
	return r, p, err
}

func repositoryValues(r *stocked[fleet.Repository]) []any {
	t := &r.thing
	return []any{
		int64(t.ID), int64(t.Server), t.UID, fromBool(r.present), t.Name, string(t.Health),
		numberOrNull(t.Capacity), numberOrNull(t.Free), numberOrNull(t.Used),
	}
}

func scanJob(row scanner) (j stocked[fleet.Job], p proof, err error) {
	t := &j.thing
	var lastRun, ended, duration, rate, transferred sql.NullInt64
	err = row.Scan((*int64)(&t.ID), (*int64)(&t.Server), &t.UID, &j.present, &t.Name, &t.Type, &t.Workload, &t.Schedule, &t.Enabled, &t.Running,
		(*string)(&t.Result), &lastRun, &ended, &t.Objects, &duration, &rate, &transferred, &t.Bottleneck, &p.kept)
	t.LastRun, t.EndedAt = fromMicrosOrNull(lastRun), fromMicrosOrNull(ended)
	t.Rate, t.Transferred = fromNumber[int64](rate), fromNumber[int64](transferred)
	if t.Duration = fromNumber[time.Duration](duration); t.Duration != nil {
		*t.Duration *= time.Microsecond
	}
	p.what, p.of, p.want = "job", int64(t.ID), sumOf(jobValues(&j))
	return j, p, err
}

func jobValues(j *stocked[fleet.Job]) []any {
	t := &j.thing
	var duration sql.NullInt64
	if t.Duration != nil {
		duration = sql.NullInt64{Int64: t.Duration.Microseconds(), Valid: true}
	}
	return []any{
		int64(t.ID), int64(t.Server), t.UID, fromBool(j.present), t.Name, t.Type, t.Workload, t.Schedule, fromBool(t.Enabled), fromBool(t.Running),
		string(t.Result), microsOrNull(t.LastRun), microsOrNull(t.EndedAt), t.Objects, duration, numberOrNull(t.Rate), numberOrNull(t.Transferred), t.Bottleneck,
	}
}

func scanInventory(row scanner) (i fleet.InventoryState, p proof, err error) {
	var repositories, jobs sql.NullInt64
	err = row.Scan((*int64)(&i.Server), &repositories, &jobs, &i.Failed, &p.kept)
	i.RepositoriesAt, i.JobsAt = fromMicrosOrNull(repositories), fromMicrosOrNull(jobs)
	p.what, p.of, p.want = "the inventory of server", int64(i.Server), sumOf(inventoryValues(&i))
	return i, p, err
}

func inventoryValues(i *fleet.InventoryState) []any {
	return []any{int64(i.Server), microsOrNull(i.RepositoriesAt), microsOrNull(i.JobsAt), i.Failed}
}

func numberOrNull(n *int64) sql.NullInt64 {
	if n == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: *n, Valid: true}
}

func fromNumber[T ~int64](n sql.NullInt64) *T {
	if !n.Valid {
		return nil
	}
	v := T(n.Int64)
	return &v
}

func summedInventories() []summed {
	return []summed{
		{"repositories", allRepositoriesSQL, byNumber(scanRepository), ""},
		{"jobs", allJobsSQL, byNumber(scanJob), ""},
		{"inventories", inventoriesSQL, byNumber(scanInventory), ""},
	}
}
