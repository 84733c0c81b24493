package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

type result struct {
	still, moving set
	perReading    float64
}

// set is what was measured on one file.
type set struct {
	load, perMonth          float64
	unchanged, moved, fresh time.Duration // median of one append in its own transaction, synchronous FULL
	past                    latency
}

type latency struct{ median, p99 float64 } // milliseconds

const (
	samples   = 400
	freshMost = 40
	freshSize = 1000
	idleDays  = 365
)

// measureAll loads a file per shape and then appends to all of them in turn, so that the machine's moods hit all alike.
func (r run) measureAll(ctx context.Context) (results []*result, single time.Duration, err error) {
	dir, err := os.MkdirTemp("", "shapes")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	for _, c := range candidates() {
		m := &result{}
		results = append(results, m)
		if m.perReading, err = r.perReading(ctx, c, filepath.Join(dir, c.name+"-readings")); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	row, err := newSingleRow(ctx, filepath.Join(dir, "row"))
	if err != nil {
		return nil, 0, err
	}
	defer row.close() //nolint:errcheck // nothing is read from it
	for _, moving := range []bool{false, true} {
		sets, err := r.measureSets(ctx, dir, moving, row)
		if err != nil {
			return nil, 0, err
		}
		for i, m := range results {
			if moving {
				m.moving = sets[i]
			} else {
				m.still = sets[i]
			}
		}
	}
	return results, median(row.spent), nil
}

func (r run) measureSets(ctx context.Context, dir string, moving bool, row *singleRow) ([]set, error) {
	sets := make([]set, len(candidates()))
	files := make([]*loaded, len(sets))
	defer func() {
		for _, l := range files {
			if l != nil {
				_ = l.close() // nothing is read from it any more
			}
		}
	}()
	for i, c := range candidates() {
		l, err := open(ctx, c, filepath.Join(dir, fmt.Sprintf("%s-%t", c.name, moving)), newFleet(r.servers, r.workloads, moving))
		if err != nil {
			return nil, err
		}
		files[i] = l
		if err := r.fill(l, &sets[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	kind := func(s *set) *time.Duration { return &s.unchanged }
	if moving {
		kind = func(s *set) *time.Duration { return &s.moved }
	}
	if err := inTurn(files, sets, kind, row, r.appends, (*loaded).next); err != nil {
		return nil, err
	}
	if moving {
		return sets, nil
	}
	return sets, inTurn(files, sets, func(s *set) *time.Duration { return &s.fresh }, row, min(r.appends, freshMost), (*loaded).fresh)
}

func (r run) fill(l *loaded, m *set) error {
	begin := time.Now()
	if err := l.load(r.months*daysPerMonth, samples); err != nil {
		return err
	}
	m.load = time.Since(begin).Seconds()
	size, err := l.size()
	if err != nil {
		return err
	}
	m.perMonth = float64(size) / float64(r.servers*r.workloads*r.months)
	if m.past, err = l.past(); err != nil {
		return err
	}
	l.fleet.frozen = true
	_, err = l.db.ExecContext(l.ctx, "PRAGMA synchronous = FULL")
	return err
}

// inTurn gives each file one reading after the other, count times, and a single row between the rounds.
func inTurn(files []*loaded, sets []set, kind func(*set) *time.Duration, row *singleRow, count int, next func(*loaded) (reading, error)) error {
	spent := make([][]time.Duration, len(files))
	for range count {
		if err := row.insert(); err != nil {
			return err
		}
		for i, l := range files {
			r, err := next(l)
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := l.appendOne(r); err != nil {
				return err
			}
			spent[i] = append(spent[i], time.Since(begin))
		}
	}
	for i := range sets {
		*kind(&sets[i]) = median(spent[i])
	}
	return nil
}

func median(spent []time.Duration) time.Duration {
	slices.Sort(spent)
	return spent[len(spent)/2]
}

// singleRow is what the engine's own transaction costs.
type singleRow struct {
	*file
	spent []time.Duration
}

func newSingleRow(ctx context.Context, path string) (*singleRow, error) {
	f, err := openFile(ctx, path, `CREATE TABLE rows (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, name TEXT NOT NULL) STRICT`)
	if err != nil {
		return nil, err
	}
	_, err = f.db.ExecContext(ctx, "PRAGMA synchronous = FULL")
	return &singleRow{file: f}, err
}

func (s *singleRow) insert() error {
	begin := time.Now()
	err := s.exec(`INSERT INTO rows (a, name) VALUES ($1, $2)`, len(s.spent), "a reading that did not change anything")
	s.spent = append(s.spent, time.Since(begin))
	return err
}

// loaded is a file of one shape with all readings in it.
type loaded struct {
	*file
	shape  shape
	fleet  *fleet
	probes []probe
	seed   maphash.Seed
	queue  []reading
	added  int // servers beside the fleet's
}

// probe is what was true at an instant.
type probe struct {
	server int
	at     int64
	sum    uint64
}

func open(ctx context.Context, c candidate, path string, fleet *fleet) (*loaded, error) {
	f, err := openFile(ctx, path, c.schema)
	if err != nil {
		return nil, err
	}
	s, err := c.make(f)
	return &loaded{file: f, shape: s, fleet: fleet, seed: maphash.MakeSeed()}, err
}

// load appends day after day, all servers of a day in one transaction, and remembers what was true at some instants.
func (l *loaded) load(days, probes int) error {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same instants in every run
	chance := float64(probes) / float64(days*len(l.fleet.lists))
	for range days {
		if err := l.begin(); err != nil {
			return err
		}
		err := l.fleet.nextDay(func(r reading) error {
			if random.Float64() < chance {
				l.probes = append(l.probes, probe{r.server, r.taken + random.Int64N(day/2), checksum(l.seed, r.list)})
			}
			return l.shape.append(r)
		})
		if err != nil {
			return err
		}
		if err := l.commit(); err != nil {
			return err
		}
	}
	return nil
}

// past asks for the list at each remembered instant and compares it with what was true.
func (l *loaded) past() (latency, error) {
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // the same order in every run
	random.Shuffle(len(l.probes), func(i, j int) { l.probes[i], l.probes[j] = l.probes[j], l.probes[i] })
	runtime.GC()
	var spent []time.Duration
	for _, p := range l.probes {
		begin := time.Now()
		list, err := l.shape.rebuild(p.server, p.at)
		spent = append(spent, time.Since(begin))
		if err != nil {
			return latency{}, err
		}
		if checksum(l.seed, list) != p.sum {
			return latency{}, fmt.Errorf("server %d at %d: not the list that was read (%d workloads)", p.server, p.at, len(list))
		}
	}
	if len(spent) == 0 {
		return latency{}, errors.New("no instants to ask for")
	}
	slices.Sort(spent)
	ms := func(share float64) float64 {
		return float64(spent[int(share*float64(len(spent)-1))].Microseconds()) / 1000
	}
	return latency{ms(0.5), ms(0.99)}, nil
}

// next gives the next reading, of one server after the other.
func (l *loaded) next() (reading, error) {
	if len(l.queue) == 0 {
		err := l.fleet.nextDay(func(r reading) error { l.queue = append(l.queue, r); return nil })
		if err != nil {
			return reading{}, err
		}
	}
	r := l.queue[0]
	l.queue = l.queue[1:]
	return r, nil
}

// fresh gives the first reading of a new server.
func (l *loaded) fresh() (reading, error) {
	l.added++
	l.fleet.position++
	r := reading{server: len(l.fleet.lists) + l.added, position: l.fleet.position, taken: epoch + int64(l.fleet.days)*day}
	r.recorded = r.taken
	for range freshSize {
		r.list = append(r.list, l.fleet.newWorkload(r.server))
	}
	return r, nil
}

func (l *loaded) appendOne(r reading) error {
	if err := l.begin(); err != nil {
		return err
	}
	if err := l.shape.append(r); err != nil {
		return err
	}
	return l.commit()
}

// perReading is by how much the second year of servers without workloads grows the file.
func (r run) perReading(ctx context.Context, c candidate, path string) (float64, error) {
	l, err := open(ctx, c, path, newFleet(r.idle, 0, false))
	if err != nil {
		return 0, err
	}
	defer l.close() //nolint:errcheck // nothing is read from it
	var sizes [2]int64
	for i := range sizes {
		if err := l.load(idleDays, 0); err != nil {
			return 0, err
		}
		if sizes[i], err = l.size(); err != nil {
			return 0, err
		}
	}
	return float64(sizes[1]-sizes[0]) / float64(r.idle*idleDays), nil
}
