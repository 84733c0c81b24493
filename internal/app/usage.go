package app

import (
	"context"
	"encoding/json"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// Resource is a usage resource by its short name (product.md §1).
type Resource string

// The resources of counting.md §6.
const (
	BackupServer        Resource = "backupServer"
	CloudConnect        Resource = "cloudConnect"
	AvailabilityConsole Resource = "availabilityConsole"
)

// Product gives the product whose workloads a resource counts.
func (r Resource) Product() (usage.Product, error) {
	switch r {
	case BackupServer:
		return usage.ProductVBR, nil
	case CloudConnect:
		return usage.ProductCloudConnect, nil
	case AvailabilityConsole:
		return usage.ProductConsole, nil
	}
	return "", fault.New(fault.Invalid, "%q is not one of backupServer, cloudConnect, availabilityConsole", r)
}

// UsageQuery asks for one figure; zero times mean now.
type UsageQuery struct {
	Company        usage.CompanyID
	Resource       Resource
	At             time.Time
	RecordedBefore time.Time
	Explain        bool // also what the figure is made of
}

// UsageAnswer is a figure and its JSON form (product.md §1).
type UsageAnswer struct {
	Tally *metering.Tally
	JSON  []byte
}

// Usage gives a figure.
func (a *App) Usage(ctx context.Context, q UsageQuery) (UsageAnswer, error) {
	product, err := q.Resource.Product()
	if err != nil {
		return UsageAnswer{}, err
	}
	tally, err := a.Ledger.Usage(ctx, ledger.Query{Company: q.Company, Product: product, At: q.At, RecordedBefore: q.RecordedBefore, Members: q.Explain})
	if err != nil {
		return UsageAnswer{}, err
	}
	figure := figureOf(q.Company, q.Resource, tally.At, tally)
	if q.Explain {
		figure.explanationJSON = explanationOf(tally)
	}
	text, err := json.Marshal(figure)
	return UsageAnswer{tally, text}, err
}

func figureOf(company usage.CompanyID, resource Resource, at time.Time, tally *metering.Tally) usageJSON {
	out := usageJSON{
		Company: company, Resource: resource, At: at.UTC(), AsOf: tally.AsOf, Complete: tally.Complete,
		Unknown: names(tally, func(s *metering.Source) bool { return s.Unknown }),
		Stale:   names(tally, func(s *metering.Source) bool { return s.Stale }),
		Rows:    v2.AppendUsageRows(nil, tally, v2.Profile30),
		Servers: make([]sourceJSON, len(tally.Servers)),
		Bare:    len(tally.Servers) == 0,
	}
	if percent, ok := tally.Coverage(at); ok {
		out.Coverage = &percent
	}
	for i := range tally.Servers {
		out.Servers[i] = sourceOf(&tally.Servers[i], at)
	}
	return out
}

func sourceOf(s *metering.Source, at time.Time) sourceJSON {
	out := sourceJSON{Server: s.Server, Name: s.Name, TakenAt: s.TakenAt, Unknown: s.Unknown, Stale: s.Stale, Gaps: []statement.Gaps{}}
	if c := s.Cover; c != nil {
		out.Readings, out.Coverage = c.Readings, c.Percent(at)
		for _, g := range c.Gaps {
			out.Gaps = append(out.Gaps, statement.Gaps(g))
		}
	}
	return out
}

// SeriesQuery asks for figures by day; the last day may lie ahead.
type SeriesQuery struct {
	Company        usage.CompanyID
	Resource       Resource
	First, Last    usage.Date
	RecordedBefore time.Time // zero: all that is known now
}

// SeriesAnswer is a figure for each day, and their JSON form: that of one figure, with the day.
type SeriesAnswer struct {
	Days []ledger.Day
	JSON []byte
}

// UsageSeries gives figures by day.
func (a *App) UsageSeries(ctx context.Context, q SeriesQuery) (SeriesAnswer, error) {
	product, err := q.Resource.Product()
	if err != nil {
		return SeriesAnswer{}, err
	}
	days, err := a.Ledger.Series(ctx, ledger.Days{Company: q.Company, Product: product, First: q.First, Last: q.Last, RecordedBefore: q.RecordedBefore})
	if err != nil {
		return SeriesAnswer{}, err
	}
	type dayJSON struct {
		Day string `json:"day"`
		usageJSON
	}
	list := []dayJSON{}
	for _, d := range days {
		list = append(list, dayJSON{d.Date.String(), figureOf(q.Company, q.Resource, d.At, d.Tally)})
	}
	text, err := json.Marshal(list)
	return SeriesAnswer{days, text}, err
}

type usageJSON struct {
	Company  usage.CompanyID `json:"company"`
	Resource Resource        `json:"resource"`
	At       time.Time       `json:"at"`
	AsOf     *time.Time      `json:"asOf"`
	Complete bool            `json:"complete"`
	Unknown  []string        `json:"unknown"`
	Stale    []string        `json:"stale"`
	Rows     json.RawMessage `json:"rows"`
	Coverage *usage.Units    `json:"coverage"` // percent of the month so far, of the server that was read least; null: no server
	Servers  []sourceJSON    `json:"servers"`
	Bare     bool            `json:"noServer,omitempty"` // as far as was known, the company had no server of the product (C32)
	*explanationJSON
}

// sourceJSON is how a server stands behind a figure; readings, coverage and gaps are of the month so far (C32).
type sourceJSON struct {
	Server   usage.ServerID   `json:"server"`
	Name     string           `json:"name"`
	TakenAt  *time.Time       `json:"takenAt"` // null: never
	Unknown  bool             `json:"unknown"`
	Stale    bool             `json:"stale"`
	Readings int              `json:"readings"`
	Coverage usage.Units      `json:"coverage"` // percent
	Gaps     []statement.Gaps `json:"gaps"`
}

func names(t *metering.Tally, which func(*metering.Source) bool) []string {
	list := []string{}
	for i := range t.Servers {
		if which(&t.Servers[i]) {
			list = append(list, t.Servers[i].Name)
		}
	}
	return list
}
