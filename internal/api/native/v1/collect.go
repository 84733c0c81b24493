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
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

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
	u := s.Readings.Begin(once.Without(c.ctx()), found.ID, func(ctx context.Context) (out api.Reading, err error) {
		err = s.Console.Collect(ctx, []usage.ServerID{found.ID}, func(r api.Reading) { out = r })
		return out, err
	})
	result, over, err := u.Wait(c.ctx(), s.CollectWithin)
	switch {
	case err != nil:
		return nil, err
	case over:
		return object{value: toReading(c, &result)}, nil
	default:
		return s.collecting(c, &found)
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
		defer context.AfterFunc(s.Readings.Context(), cancel)()
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
		int64(v.Server), v.Name, int64(v.Interval / time.Second), v.Reading || s.Readings.GoesOn(v.Server), instant(v.Next), at(v.LastAt), v.Failures, v.Last,
	}
	if c.only() != 0 {
		out.Last = "" // it may name the server's address
	}
	return out
}
