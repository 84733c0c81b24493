package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	overviewMax = 20 * time.Millisecond
	serversMax  = 50 * time.Millisecond
)

// asked is a page of the portal, with the most that it may take; 0: nothing is promised.
type asked struct {
	what, path string
	most       time.Duration
}

// portal asks for pages as a browser does, on one connection, each many times.
func (b *bench) portal(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := pages(ctx, c, "Fleet", many, []asked{
		{"the portal's overview", "/", overviewMax},
		{"the portal's companies, by units", "/companies?sort=-used", 0},
		{"the portal's companies, the last rows", "/companies?from=9900", 0},
		{"the portal's page of one company", "/companies/77", 0},
		{"the portal's servers", "/servers", serversMax},
		{"the portal's servers, by their last reading", "/servers?sort=-last", serversMax},
		{"the portal's servers, searched", "/servers?search=77", serversMax},
		{"the portal's servers, of one state", "/servers?state=old", serversMax},
	})
	if err != nil {
		return nil, err
	}
	living, err := b.portalOfLiving(ctx)
	if err != nil {
		return nil, err
	}
	month, err := b.portalOfMonth(ctx)
	if err != nil {
		return nil, err
	}
	giant, err := b.portalOfGiant(ctx)
	return slices.Concat(rows, living, month, giant), err
}

// livingAppends is how many readings a second there are of 20,000 servers that are read three times a day.
const livingAppends = 1

// portalOfLiving asks for the pages over all servers and companies while readings come in.
func (b *bench) portalOfLiving(ctx context.Context) ([]row, error) {
	c, order, err := b.appendingServer(ctx)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := settle(ctx, c.pid()); err != nil {
		return nil, err
	}
	order.Appends = livingAppends
	if _, err := ask[consoleAnswer](c.child, order); err != nil {
		return nil, err
	}
	return timed(ctx, c, "Fleet, while readings come in", many, []asked{
		{"the portal's overview", "/", overviewMax},
		{"the portal's companies, by units", "/companies?sort=-used", 0},
		{"the portal's servers", "/servers", serversMax},
	})
}

// portalOfMonth asks for the pages of a month in which every company has a draft.
func (b *bench) portalOfMonth(ctx context.Context) ([]row, error) {
	w, err := b.draftWorld(ctx, "portal-month", fleetSet(b.options.scale))
	if err != nil {
		return nil, err
	}
	if err := b.draft(ctx, w.dir).Run(); err != nil {
		return nil, err
	}
	month := "/statements/" + lastMonth().String()
	last := usage.FirstCompany + usage.CompanyID(w.set.Companies) - 1
	return b.pagesOf(ctx, w, "drafted", many, []asked{
		{"the portal's overview", "/", overviewMax},
		{"the portal's months", "/statements", 0},
		{"the portal's month", month, 0},
		{"the portal's month, by units", month + "?sort=-used", 0},
		{"the portal's month, the last rows", month + "?from=" + strconv.Itoa(max(w.set.Companies-100, 0)), 0},
		{"the portal's statement", month + "/" + last.String(), 0},
	})
}

// portalOfGiant asks for the pages of one company with very many workloads.
func (b *bench) portalOfGiant(ctx context.Context) ([]row, error) {
	set := dataSet{Name: "Giant", Companies: 1, Servers: 1, Workloads: 300_000 / b.options.scale, Days: 1, End: endOfReadings()}
	b.say("filling %s: %s workloads of one company", set.Name, count(float64(set.workloads())))
	w, err := fill(ctx, b.path("portal-giant"), set)
	if err != nil {
		return nil, err
	}
	company := "/companies/" + usage.FirstCompany.String()
	return b.pagesOf(ctx, w, set.Name, few, []asked{
		{"the portal's page of one company", company, 0},
		{"the portal's changes of one company", company + "/changes", 0},
		{"the portal's machines behind a number", company + "/why?state=used&unit=" + string(usage.Instances), 0},
		{"the portal's machines behind a type", company + "/why?state=used&unit=" + string(usage.Instances) + "&type=VBR_HyperV_VM", 0},
		{"the portal's search for machines", "/workloads?search=erp-0077", 0},
		{"the portal's life of a machine", "/workloads/life?server=1&id=" + set.server(0).next().Workloads[0].ID, 0},
	})
}

func (b *bench) pagesOf(ctx context.Context, w *world, of string, times repeated, list []asked) ([]row, error) {
	c, err := b.serve(ctx, w.dir)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.logIn(ctx); err != nil {
		return nil, err
	}
	return pages(ctx, c, of, times, list)
}

// repeated measures one thing several times.
type repeated func(measure func() (float64, error)) func() (float64, error)

func pages(ctx context.Context, c *console, of string, times repeated, list []asked) ([]row, error) {
	if err := settle(ctx, c.pid()); err != nil { // the month before is counted in the background
		return nil, err
	}
	rows, err := timed(ctx, c, of, times, list)
	_, peak := memoryMB(c.pid())
	return append(rows, row{what: "the portal's console, memory at most, " + of, figure: fmt.Sprintf("%.0f MB", peak)}), err
}

// timed asks for each page until its time is known.
func timed(ctx context.Context, c *console, of string, times repeated, list []asked) (rows []row, err error) {
	for _, page := range list {
		once := func() (float64, error) {
			begin := time.Now()
			_, _, err := c.get(ctx, page.path)
			return time.Since(begin).Seconds() * 1000, err
		}
		if _, err := once(); err != nil {
			return nil, fmt.Errorf("%s: %w", page.path, err)
		}
		took, err := times(once)()
		if err != nil {
			return nil, err
		}
		r := row{what: page.what + ", " + of, figure: fmt.Sprintf("%.1f ms", took)}
		if page.most > 0 {
			r.bar, r.holds = fmt.Sprintf("< %d ms", page.most.Milliseconds()), holds(took < float64(page.most.Milliseconds()))
		}
		rows = append(rows, r)
	}
	return rows, nil
}
