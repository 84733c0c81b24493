package v1

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

// collectWithin is how long a caller waits for a reading: less than a request may take. What takes longer goes on without it.
const collectWithin = 20 * time.Second

// reading is what became of one.
type reading struct {
	Server int64  `json:"server"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Entry  *int64 `json:"entry"` // null: there is no snapshot
	Text   string `json:"text"`
	Gap    *gap   `json:"gap"`
}

func toReading(c *call, r *api.Reading) reading {
	out := reading{int64(r.Server), r.Name, r.OK, numberOrNull(r.Entry), r.Text, c.gap(r.Gap)}
	if r.Gap != nil && c.only() != 0 {
		out.Text = "gap (" + out.Gap.Reason + ")"
	}
	return out
}

// readings are those that callers asked for and that have not ended: of each server one, which goes on when its caller has gone, and ends
// with the program.
type readings struct {
	ctx context.Context //nolint:containedctx // it is the program's, which outlives requests
	end context.CancelFunc

	mu    sync.Mutex
	wg    sync.WaitGroup
	ended bool
	of    map[usage.ServerID]*underway
}

// underway is a reading; what became of it is there once it is over.
type underway struct {
	over   chan struct{}
	result api.Reading
	err    error
}

func newReadings() *readings {
	ctx, end := context.WithCancel(context.Background())
	return &readings{ctx: ctx, end: end, of: make(map[usage.ServerID]*underway)}
}

// begin gives the reading of a server that goes on, or begins one. The values of its context are those of a request, and not its end.
func (r *readings) begin(values context.Context, id usage.ServerID, read func(context.Context) (api.Reading, error)) *underway {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u := r.of[id]; u != nil {
		return u
	}
	u := &underway{over: make(chan struct{})}
	if r.ended {
		u.err = fault.New(fault.Unavailable, "The console is being stopped.")
		close(u.over)
		return u
	}
	r.of[id] = u
	ctx, cancel := context.WithCancel(context.WithoutCancel(values))
	stop := context.AfterFunc(r.ctx, cancel)
	r.wg.Go(func() {
		defer func() {
			stop()
			cancel()
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.of, id)
			close(u.over)
		}()
		u.result, u.err = read(ctx)
	})
	return u
}

// goOn reports whether a server is being read.
func (r *readings) goOn(id usage.ServerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[id] != nil
}

// EndReadings ends the readings that callers asked for, and waits for that: before the store is closed, and for good.
func (s *Surface) EndReadings() {
	r := s.readings
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.end()
	r.wg.Wait()
}

// collectServer reads a server now. A caller that has waited for long enough is told where to look (RFC 9110 §15.3.3).
func (s *Surface) collectServer(c *call) (any, error) {
	found, err := s.server(c, access.ManageServers)
	if err != nil {
		return nil, err
	}
	if found.Connection == nil {
		return nil, nothingToRead(&found)
	}
	// The key of the request is for its answer, which may come before anything of the reading is written.
	u := s.readings.begin(once.Without(c.ctx()), found.ID, func(ctx context.Context) (out api.Reading, err error) {
		err = s.Console.Collect(ctx, []usage.ServerID{found.ID}, func(r api.Reading) { out = r })
		return out, err
	})
	late := time.NewTimer(s.CollectWithin)
	defer late.Stop()
	select {
	case <-u.over:
		return object{value: toReading(c, &u.result)}, u.err
	case <-late.C:
		return s.collecting(c, &found)
	case <-c.ctx().Done():
		return nil, c.ctx().Err()
	}
}

// collecting says that a server is being read, and where to look what becomes of it.
func (s *Surface) collecting(c *call, v *fleet.Server) (any, error) {
	status, err := s.Console.Schedule(c.ctx(), v.ID)
	if err != nil {
		return nil, err
	}
	out := scheduled{Server: int64(v.ID), Name: v.Name, IntervalSeconds: int64(v.Interval / time.Second), NextAt: instant(s.Now())}
	if len(status) > 0 { // it has a place from the next round on
		out = s.toScheduled(c, &status[0])
	}
	out.Reading = true // it was, when the caller had waited
	return object{out, http.StatusAccepted, base + "/schedule?filter=" + url.QueryEscape("server eq "+v.ID.String())}, nil
}

// collectAll reads all servers now, and says of each what became of it, as it goes. It may take longer than a request that is answered as a
// whole, and ends with its caller, or the program.
func (s *Surface) collectAll(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	shape := query.ShapeOf[reading]()
	return api.Raw{ContentType: formNDJSON + "; charset=utf-8", Live: true, Stream: func(w *bufio.Writer) error {
		ctx, cancel := context.WithCancel(c.ctx())
		defer cancel()
		defer context.AfterFunc(s.readings.ctx, cancel)()
		var mu sync.Mutex // readings end at the same time
		var failed error
		err := s.Console.Collect(ctx, nil, func(r api.Reading) {
			mu.Lock()
			defer mu.Unlock()
			if failed == nil {
				failed = writeRow(w, shape, toReading(c, &r))
			}
			if failed == nil {
				failed = w.Flush()
			}
		})
		if err == nil {
			err = failed
		}
		return err
	}}, nil
}

// scheduled is a server's place in the schedule.
type scheduled struct {
	Server          int64    `json:"server"`
	Name            string   `json:"name"`
	IntervalSeconds int64    `json:"intervalSeconds"`
	Reading         bool     `json:"reading"`
	NextAt          instant  `json:"nextAt"`
	LastAt          *instant `json:"lastAt"`
	Failures        int      `json:"failures"`
	Last            string   `json:"last"`
}

func (s *Surface) toScheduled(c *call, v *api.Scheduled) scheduled {
	out := scheduled{
		int64(v.Server), v.Name, int64(v.Interval / time.Second), v.Reading || s.readings.goOn(v.Server), instant(v.Next), at(v.LastAt), v.Failures, v.Last,
	}
	if c.only() != 0 {
		out.Last = "" // it may name the server's address
	}
	return out
}
