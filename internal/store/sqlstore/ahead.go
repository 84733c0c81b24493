package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// aheadServers is how many servers one statement asks about. Where there are fewer, the others are 0, which is none: its
// text is always the same, so that it is planned once.
const aheadServers = 32

var (
	tipsOfSomeSQL   = tipColumns + ` WHERE server IN (` + places(1, "%s") + `)`
	chunksOfSomeSQL = chunkColumns + ` WHERE server IN (` + places(1, "%s") + `) AND stream IN (1, 2)` // series.Index, series.Changes
	basedEachSQL    = `WITH asked (server, until) AS (VALUES ` + places(2, "(%s, %s)") + `)
SELECT h.server, h.stream, h.first_reading, h.base_reading, h.body, h.checksum FROM asked CROSS JOIN chunks h
WHERE h.server = asked.server AND h.stream = 3 AND h.first_reading <= asked.until AND h.first_reading >= COALESCE((SELECT c.base_reading FROM chunks c
 WHERE c.server = asked.server AND c.stream = 3 AND c.first_reading <= asked.until ORDER BY c.first_reading DESC LIMIT 1), 0)`
	gapsOfSomeSQL = gapColumns + ` WHERE g.server IN (` + places(1, "%s") + `)
 AND g.at >= ` + place(aheadServers) + ` AND g.at < ` + place(aheadServers+1) + ` AND g.position < ` + place(aheadServers+2)
)

// place is the n-th parameter, from 0 on, which is a number. CAST: as in chunksSQL.
func place(n int) string { return fmt.Sprintf("CAST($%d AS BIGINT)", n+1) }

// places writes a form with so many parameters for each server.
func places(each int, form string) string {
	var all [aheadServers]string
	for i := range all {
		args := make([]any, each)
		for j := range args {
			args[j] = place(i*each + j)
		}
		all[i] = fmt.Sprintf(form, args...)
	}
	return strings.Join(all[:], ", ")
}

// ahead is what was read at once of some servers' histories.
type ahead map[usage.ServerID]*aheadOf

// aheadOf is what was read of one: a source that asks another one for what is not in it.
type aheadOf struct {
	source
	tip     *series.Tip
	chunks  [series.Columns][]series.Chunk // of the index and of the changes: all
	columns []series.Chunk                 // what Based gives for a reading
	until   int                            // this one; -1: none was asked for
	gaps    []gapRow                       // in any order
	period  [2]int64                       // from which until before which instant these are all, in microseconds
}

func (a ahead) open(ctx context.Context, tx *sql.Tx, server usage.ServerID) (*series.History, error) {
	if of := a[server]; of != nil {
		return series.Open(of.tip, of), nil
	}
	return openHistory(ctx, tx, server)
}

func (of *aheadOf) Chunks(stream series.Stream, to int) ([]series.Chunk, error) {
	if stream == series.Columns {
		return of.source.Chunks(stream, to)
	}
	return series.ChunksTo(of.chunks[stream], to), nil
}

func (of *aheadOf) Based(to int) ([]series.Chunk, error) {
	switch some := series.FromBase(series.ChunksTo(of.columns, to)); {
	case to > of.until:
	case len(of.columns) == 0: // nor is there an earlier one
		return nil, nil
	case len(some) > 0 && some[0].First == some[len(some)-1].Base:
		return some, nil
	}
	return of.source.Based(to)
}

// within gives the gaps of a stretch of time; ok is false where not all of them are known.
func (of *aheadOf) within(from, until int64) (gaps []gapRow, ok bool) {
	if of == nil || from < of.period[0] || until > of.period[1] {
		return nil, false
	}
	for i := range of.gaps {
		if at := micros(of.gaps[i].At); at >= from && at < until {
			gaps = append(gaps, of.gaps[i])
		}
	}
	return gaps, true
}

// readAhead reads what the first few of some companies will need, and gives how many they are.
func (k *look) readAhead(ctx context.Context, companies []usage.CompanyID, a *ledger.Ahead) (some int, err error) {
	err = k.within(ctx, func() error {
		var servers []usage.ServerID
		if some, servers, err = k.concerning(ctx, companies, a.Until); err != nil {
			return err
		}
		k.q.kept.ahead = make(ahead, len(servers))
		for few := range slices.Chunk(servers, aheadServers) {
			if err := k.readServers(ctx, few, a); err != nil {
				return err
			}
		}
		return nil
	})
	return some, err
}

// concerning gives the servers of as many companies as one statement has places for, of one at least.
func (k *look) concerning(ctx context.Context, companies []usage.CompanyID, at time.Time) (some int, servers []usage.ServerID, err error) {
	v, err := k.q.store.projection.view(ctx, k.q.tx, k.q.head, usage.Truncate(at), k.q.before)
	if err != nil {
		return 0, nil, err
	}
	defer v.release()
	for _, company := range companies {
		with := slices.Clone(servers)
		for _, product := range usage.Products() {
			with = append(with, v.concerning(company, product)...)
		}
		slices.Sort(with)
		with = slices.Compact(with)
		if some > 0 && len(with) > aheadServers {
			break
		}
		some, servers = some+1, with
	}
	return some, servers, nil
}

// readServers reads some histories, as far as one company's question after the other goes: all but old columns.
func (k *look) readServers(ctx context.Context, servers []usage.ServerID, a *ledger.Ahead) error {
	args := make([]any, aheadServers, aheadServers+3)
	for i := range args {
		args[i] = int64(0)
		if i < len(servers) {
			args[i] = int64(servers[i])
		}
	}
	known, period := k.q.kept.ahead, [2]int64{microsUp(a.From), microsUp(a.Until)}
	tips, err := collect(ctx, k.q.tx, proven(scanTipOf), tipsOfSomeSQL, args...)
	if err != nil {
		return err
	}
	for _, t := range tips {
		tip, err := series.ParseTip(t.b)
		if err != nil {
			return atServer(err, t.a)
		}
		known[t.a] = &aheadOf{source: source{ctx, k.q.tx, t.a}, tip: tip, until: -1, period: period}
	}
	if err := k.readChunks(ctx, chunksOfSomeSQL, args); err != nil {
		return err
	}
	gaps, err := collect(ctx, k.q.tx, proven(scanGap), gapsOfSomeSQL, append(args, period[0], period[1], int64(k.q.before))...)
	if err != nil {
		return err
	}
	for i := range gaps {
		if of := known[gaps[i].server]; of != nil {
			of.gaps = append(of.gaps, gaps[i])
		}
	}
	return k.readColumns(ctx, servers, micros(a.Until))
}

// readChunks reads chunks of servers whose tips are known.
func (k *look) readChunks(ctx context.Context, query string, args []any) error {
	chunks, err := collect(ctx, k.q.tx, proven(scanChunkOf), query, args...)
	if err != nil {
		return err
	}
	slices.SortFunc(chunks, func(a, b pair[usage.ServerID, series.Chunk]) int { return cmp.Compare(a.b.First, b.b.First) })
	for i := range chunks {
		of, c := k.q.kept.ahead[chunks[i].a], chunks[i].b
		switch {
		case of == nil: // it has no tip: who asks for it is told
		case c.Stream == series.Columns:
			of.columns = append(of.columns, c)
		default:
			of.chunks[c.Stream] = append(of.chunks[c.Stream], c)
		}
	}
	return nil
}

// readColumns reads the columns of the lists that are the last ones up to an instant.
func (k *look) readColumns(ctx context.Context, servers []usage.ServerID, until int64) error {
	args, asked := make([]any, 2*aheadServers), 0
	for i := range args {
		args[i] = int64(0)
	}
	for _, id := range servers {
		of := k.q.kept.ahead[id]
		if of == nil {
			continue
		}
		part := series.Part{History: series.Open(of.tip, of), Until: until, Before: k.q.before, Revoked: k.q.store.projection.revoked(id, k.q.before)}
		var err error
		if of.until, err = part.Listed(); err != nil {
			return atServer(err, id)
		}
		if of.until >= 0 {
			args[2*asked], args[2*asked+1] = int64(id), int64(of.until)
			asked++
		}
	}
	if asked == 0 {
		return nil
	}
	return k.readChunks(ctx, basedEachSQL, args)
}
