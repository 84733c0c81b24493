package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/series"
)

// proof is what a row says of itself beside what it says: which row it is, and its checksum as it is kept and as it
// follows from its values. The bodies of readings are sealed: what their proof is about is their place.
type proof struct {
	what       string // with the number of what it is about; 0: there is only one
	of         int64
	kept, want int64
}

func (p proof) row() string {
	if p.of == 0 {
		return p.what
	}
	return p.what + " " + number(p.of)
}

func (p proof) err() error {
	if p.kept == p.want {
		return nil
	}
	return fault.New(fault.Internal, "the database is damaged: %s has a wrong checksum; restore it from a backup", p.row())
}

// proven reads rows, and refuses those whose checksum is not that of their values.
func proven[T any](scan func(scanner) (T, proof, error)) func(scanner) (T, error) {
	return func(row scanner) (T, error) {
		value, p, err := scan(row)
		if err == nil {
			err = p.err()
		}
		return value, err
	}
}

// unproven reads rows whose checksums are looked at elsewhere.
func unproven[T any](scan func(scanner) (T, proof, error)) func(scanner) (T, error) {
	return func(row scanner) (T, error) {
		value, _, err := scan(row)
		return value, err
	}
}

func optional(n sql.NullInt64) string {
	if !n.Valid {
		return ""
	}
	return number(n.Int64)
}

// summed is a table whose rows carry a checksum over their values.
type summed struct {
	table string
	all   string // selects all rows, in their order
	scan  func(scanner) (keyed, error)
	put   string // puts the checksum of the row with a key; empty where rows have had theirs since there are any
}

// keyed is a proof with the key of its row.
type keyed struct {
	proof
	key []any
}

func withKey[T any](scan func(scanner) (T, proof, error), key func(T, proof) []any) func(scanner) (keyed, error) {
	return func(row scanner) (keyed, error) {
		value, p, err := scan(row)
		return keyed{p, key(value, p)}, err
	}
}

// byNumber is for rows whose proof names them by their key.
func byNumber[T any](scan func(scanner) (T, proof, error)) func(scanner) (keyed, error) {
	return withKey(scan, func(_ T, p proof) []any { return []any{p.of} })
}

// summedTables lists them all; dated facts and corrections have had theirs since they are streams.
func summedTables() []summed {
	return slices.Concat(summedLater(), summedInventories(), []summed{
		summedStatements(), summedCatalogs(), summedBundles(), summedMark(), summedAudit(), summedRecords(), summedSteps(), summedTokens(), summedFactors(), summedOnce(), summedCredentials(), summedFeed(), summedSingles(),
	})
}

// summedLater lists those that were there before there were checksums.
func summedLater() []summed {
	put := func(table, key string) string { return `UPDATE ` + table + ` SET checksum = $2 WHERE ` + key + ` = $1` }
	return []summed{
		{"companies", companyColumns + ` ORDER BY id`, byNumber(scanCompany), put("companies", "id")},
		{"users", usersSQL, byNumber(scanUser), put("users", "id")},
		{"sessions", sessionColumns + ` ORDER BY refresh`, withKey(scanSession, func(p storedSession, _ proof) []any { return []any{p.Refresh[:]} }), put("sessions", "refresh")},
		{"events", eventsSQL, byNumber(scanEvent), put("events", "id")},
		{"activations", activationsSQL, withKey(scanActivation, func(a activation, _ proof) []any { return []any{a.event, a.number} }), `UPDATE activations SET checksum = $3 WHERE event = $1 AND number = $2`},
		{"gaps", gapColumns + ` ORDER BY g.position`, byNumber(scanGap), put("gaps", "position")},
		{"installations", allInstalledSQL, withKey(scanInstallation, func(i installation, _ proof) []any { return []any{i.id, int64(i.server)} }), `UPDATE installations SET checksum = $3 WHERE installation_id = $1 AND server = $2`},
		{"tips", tipColumns + ` ORDER BY server`, byNumber(scanTip), put("tips", "server")},
		{"servers", serverColumns + ` ORDER BY v.id`, byNumber(scanServer), put("servers", "id")}, // behind tips, which it reads, too
		{"chunks", chunkColumns + ` ORDER BY server, stream, first_reading`, withKey(scanChunk, func(c series.Chunk, p proof) []any { return []any{p.of, int64(c.Stream), int64(c.First)} }), `UPDATE chunks SET checksum = $4 WHERE server = $1 AND stream = $2 AND first_reading = $3`},
		{"log", logColumns + ` ORDER BY first_position`, byNumber(scanLog), put("log", "first_position")},
	}
}

// Checksums is the migration that gives every table its checksums. Integer is the engine's word for the type.
type Checksums struct {
	Integer  string
	Describe func(ctx context.Context, tx *sql.Tx) ([]Table, error)
}

// Add is migration 0005. Tables that have the column already are left alone: there it would hide damage.
func (c Checksums) Add(ctx context.Context, tx *sql.Tx) error {
	have, err := c.have(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range summedLater() {
		if err := c.addTo(ctx, tx, t, have); err != nil {
			return err
		}
	}
	return c.addToMeta(ctx, tx, have)
}

// allThen selects all rows of a table as these migrations find it, where that is otherwise than today.
var allThen = map[string]string{"companies": bareCompaniesSQL, "events": serverEventsOnlySQL, "sessions": bareSessionsSQL, "servers": bareServersSQL}

// filledByConvert are the tables that migration 0003 fills, beside meta.
var filledByConvert = []string{"gaps", "installations", "tips", "chunks", "log"}

// Convert is migration 0003: what it writes has checksums from the beginning.
func (c Checksums) Convert(ctx context.Context, tx *sql.Tx) error {
	have, err := c.have(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range summedLater() {
		if !slices.Contains(filledByConvert, t.table) {
			continue
		}
		if err := c.addTo(ctx, tx, t, have); err != nil {
			return err
		}
	}
	if err := c.addToMeta(ctx, tx, have); err != nil {
		return err
	}
	return convertFirst(ctx, tx)
}

// have gives the tables that have a checksum.
func (c Checksums) have(ctx context.Context, tx *sql.Tx) (map[string]bool, error) {
	tables, err := c.Describe(ctx, tx)
	have := make(map[string]bool)
	for _, t := range tables {
		for _, column := range t.Columns {
			have[t.Name] = have[t.Name] || column.Name == "checksum"
		}
	}
	return have, err
}

func (c Checksums) addTo(ctx context.Context, tx *sql.Tx, t summed, have map[string]bool) error {
	if have[t.table] {
		return nil
	}
	if _, err := tx.ExecContext(ctx, c.alter(t.table)); err != nil {
		return err
	}
	proofs, err := collect(ctx, tx, t.scan, cmp.Or(allThen[t.table], t.all))
	if err != nil {
		return err
	}
	for _, p := range proofs {
		if _, err := tx.ExecContext(ctx, t.put, append(p.key, p.want)...); err != nil {
			return err
		}
	}
	return nil
}

func (c Checksums) alter(table string) string {
	return `ALTER TABLE ` + table + ` ADD COLUMN checksum ` + c.Integer + ` NOT NULL DEFAULT 0`
}

const sumMetaSQL = `UPDATE meta SET checksum = version + fleet + position + recorded_at + log_first`

func (c Checksums) addToMeta(ctx context.Context, tx *sql.Tx, have map[string]bool) error {
	if have["meta"] {
		return nil
	}
	if _, err := tx.ExecContext(ctx, c.alter("meta")); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, sumMetaSQL)
	return err
}
