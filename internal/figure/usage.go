package figure

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Usage is a figure and how the servers stand behind it (product.md §1).
type Usage struct {
	Company  usage.CompanyID `json:"company"`
	Resource Resource        `json:"resource"`
	At       time.Time       `json:"at"`
	AsOf     *time.Time      `json:"asOf"`
	Complete bool            `json:"complete"`
	Unknown  []string        `json:"unknown"`
	Stale    []string        `json:"stale"`
	Rows     any             `json:"rows"`     // []Row, or as another surface writes them
	Coverage *usage.Units    `json:"coverage"` // percent of the month so far, of the server that was read least; null: no server
	Servers  []Source        `json:"servers"`
	Bare     bool            `json:"noServer,omitempty"` // as far as was known, the company had no server of the product (C32)
	*Explanation
}

// Source is how a server stands behind a figure; readings, coverage and gaps are of the month so far (C32).
type Source struct {
	Server   usage.ServerID   `json:"server"`
	Name     string           `json:"name"`
	TakenAt  *time.Time       `json:"takenAt"` // null: never
	Unknown  bool             `json:"unknown"`
	Stale    bool             `json:"stale"`
	Readings int              `json:"readings"`
	Coverage usage.Units      `json:"coverage"` // percent
	Rows     any              `json:"rows"`     // what it adds to the figure's rows, written as those are: together they are the figure
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

// Of puts a tally into words: at is the instant that was asked for; it stands behind a tally that is shared.
func Of(company usage.CompanyID, resource Resource, at time.Time, tally *metering.Tally) Usage {
	out := Usage{
		Company: company, Resource: resource, At: at.UTC(), AsOf: tally.AsOf, Complete: tally.Complete,
		Unknown: names(tally, func(s *metering.Source) bool { return s.Unknown }),
		Stale:   names(tally, func(s *metering.Source) bool { return s.Stale }),
		Rows:    rowsOf(tally.Rows),
		Servers: make([]Source, len(tally.Servers)),
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

func sourceOf(s *metering.Source, at time.Time) Source {
	out := Source{Server: s.Server, Name: s.Name, TakenAt: s.TakenAt, Unknown: s.Unknown, Stale: s.Stale, Rows: rowsOf(s.Rows), Gaps: []statement.Gaps{}}
	if c := s.Cover; c != nil {
		out.Readings, out.Coverage = c.Readings, c.Percent(at)
		for _, g := range c.Gaps {
			out.Gaps = append(out.Gaps, statement.Gaps(g))
		}
	}
	return out
}

// WithoutGapTexts leaves of gaps their reasons: their words name addresses and accounts, which are the provider's business.
func (u *Usage) WithoutGapTexts() {
	for i := range u.Servers {
		for k := range u.Servers[i].Gaps {
			u.Servers[i].Gaps[k].Text = ""
		}
	}
}

func rowsOf(list []metering.Row) []Row {
	rows := make([]Row, len(list))
	for i := range list {
		rows[i] = rowOf(&list[i])
	}
	return rows
}
