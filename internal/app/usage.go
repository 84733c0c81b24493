package app

import (
	"context"
	"encoding/json"
	"io"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/ledger"
)

// UsageQuery asks for one figure; zero times mean now.
type UsageQuery struct {
	Company        usage.CompanyID
	Resource       figure.Resource
	At             time.Time
	RecordedBefore time.Time
	Explain        bool // also what the figure is made of
}

// UsageAnswer is a figure and its JSON form (product.md §1), without what explains it.
type UsageAnswer struct {
	Tally *metering.Tally
	JSON  []byte
}

// Explain writes the JSON form of an answer that was asked for so, with what explains it.
func (u *UsageAnswer) Explain(w io.Writer) error { return figure.WriteExplained(w, u.JSON, u.Tally) }

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
	said := inWireRows(q.Company, q.Resource, tally.At, tally)
	text, err := json.Marshal(said)
	return UsageAnswer{tally, text}, err
}

// SeriesQuery asks for figures by day; the last day may lie ahead.
type SeriesQuery struct {
	Company        usage.CompanyID
	Resource       figure.Resource
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
		figure.Usage
	}
	list := []dayJSON{}
	for _, d := range days {
		list = append(list, dayJSON{d.Date.String(), inWireRows(q.Company, q.Resource, d.At, d.Tally)})
	}
	text, err := json.Marshal(list)
	return SeriesAnswer{days, text}, err
}

// inWireRows is a figure in JSON, its rows exactly as v2 writes them (product.md §1).
func inWireRows(company usage.CompanyID, resource figure.Resource, at time.Time, t *metering.Tally) figure.Usage {
	said := figure.Of(company, resource, at, t)
	said.Rows = json.RawMessage(v2.AppendUsageRows(nil, t, v2.Profile30))
	for i := range said.Servers {
		said.Servers[i].Rows = json.RawMessage(v2.AppendUsageRows(nil, &metering.Tally{Product: t.Product, Rows: t.Servers[i].Rows}, v2.Profile30))
	}
	return said
}
