package main

import (
	"context"
	"fmt"
	"time"
)

const (
	overviewMax = 20 * time.Millisecond
	serversMax  = 50 * time.Millisecond
)

// portal asks for pages as a browser does, on one connection, each many times.
func (b *bench) portal(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	if err := settle(ctx, c.pid()); err != nil { // the month before is counted in the background
		return nil, err
	}
	var rows []row
	for _, page := range []struct {
		what, path string
		most       time.Duration
	}{
		{"the portal's overview", "/", overviewMax},
		{"the portal's companies, by units", "/companies?sort=-used", 0},
		{"the portal's companies, the last rows", "/companies?from=9900", 0},
		{"the portal's page of one company", "/companies/77", 0},
		{"the portal's servers", "/servers", serversMax},
		{"the portal's servers, by their last reading", "/servers?sort=-last", serversMax},
		{"the portal's servers, searched", "/servers?search=77", serversMax},
		{"the portal's servers, of one state", "/servers?state=old", serversMax},
	} {
		if _, _, err := c.get(ctx, page.path); err != nil {
			return nil, err
		}
		took, err := many(func() (float64, error) {
			begin := time.Now()
			_, _, err := c.get(ctx, page.path)
			return time.Since(begin).Seconds() * 1000, err
		})()
		if err != nil {
			return nil, err
		}
		r := row{what: page.what + ", Fleet", figure: fmt.Sprintf("%.1f ms", took)}
		if page.most > 0 {
			r.bar, r.holds = fmt.Sprintf("< %d ms", page.most.Milliseconds()), holds(took < float64(page.most.Milliseconds()))
		}
		rows = append(rows, r)
	}
	return rows, nil
}
