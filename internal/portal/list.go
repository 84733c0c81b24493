package portal

import (
	"context"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// link is something that has a page, or with an empty To, none.
type link struct{ Name, To string }

// listed is a part of a list.
type listed[T any] struct {
	part

	Rows  []T
	Count int // of all
}

// listedOf gives the part of a list that the address asks for.
func listedOf[T any](v *visit, rows []T) listed[T] {
	p := v.part(len(rows), func(from int) string {
		if from == 0 {
			return v.here("from", "")
		}
		return v.here("from", strconv.Itoa(from))
	})
	return listed[T]{part: p, Rows: rows[p.From:p.To], Count: len(rows)}
}

// here is the address of this page with an option of it another one; an empty one is none.
func (v *visit) here(name, value string) string {
	q := v.URL.Query()
	q.Del("told")
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	return strings.TrimSuffix(v.URL.EscapedPath()+"?"+q.Encode(), "?")
}

// companyLinks finds names of companies, each once.
type companyLinks struct {
	store fleet.CompanyStore
	known map[usage.CompanyID]link
}

func (p *Portal) companyLinks() *companyLinks {
	return &companyLinks{p.Companies, map[usage.CompanyID]link{}}
}

// of gives the link to a company; one that was removed has no page, and 0 is none.
func (l *companyLinks) of(ctx context.Context, id usage.CompanyID) (link, error) {
	if found, is := l.known[id]; is || id == 0 {
		return found, nil
	}
	if len(l.known) == manyCompanies {
		if err := l.learn(ctx); err != nil {
			return link{}, err
		}
		if found, is := l.known[id]; is {
			return found, nil
		}
	}
	c, err := l.store.Company(ctx, id)
	if fault.Is(err, fault.NotFound) {
		c, err = fleet.Company{Name: id.String()}, nil
	}
	out := link{Name: c.Name}
	if c.ID != 0 && c.RemovedAt == nil {
		out.To = companyPath(id)
	}
	l.known[id] = out
	return out, err
}

// manyCompanies is from how many on all are asked for at once.
const manyCompanies = 16

// learn notes all companies that are there.
func (l *companyLinks) learn(ctx context.Context) error {
	companies, err := l.store.Companies(ctx)
	for i := range companies {
		l.known[companies[i].ID] = link{companies[i].Name, companyPath(companies[i].ID)}
	}
	return err
}
