package app

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// FoundWorkload is a workload that is listed now, with its state.
type FoundWorkload struct {
	Company    usage.CompanyID
	ServerName string
	metering.Member
}

// FindWorkloads gives every workload that is listed now whose name, id or tenant contains the text, letter case aside, by
// company, server and id. It asks every company's figure: what is shown is what is counted (C29).
func (a *App) FindWorkloads(ctx context.Context, text string) ([]FoundWorkload, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil, fault.New(fault.Invalid, "what to look for is empty: give a part of a name, an id or a tenant")
	}
	companies, err := a.Store.Companies(ctx)
	if err != nil {
		return nil, err
	}
	ids := []usage.CompanyID{usage.Unassigned}
	for i := range companies {
		ids = append(ids, companies[i].ID)
	}
	var found []FoundWorkload
	for _, id := range ids {
		for _, product := range usage.Products() {
			tally, err := a.Ledger.Usage(ctx, ledger.Query{Company: id, Product: product, Members: true})
			if err != nil {
				return nil, err
			}
			found = appendFound(found, id, tally, text)
		}
	}
	slices.SortStableFunc(found, func(a, b FoundWorkload) int {
		return cmp.Or(cmp.Compare(a.Company, b.Company), cmp.Compare(a.Server, b.Server), strings.Compare(a.Key.ID, b.Key.ID))
	})
	return found, nil
}

func appendFound(found []FoundWorkload, company usage.CompanyID, t *metering.Tally, text string) []FoundWorkload {
	for i := range t.Members {
		m := &t.Members[i]
		if !slices.ContainsFunc([]string{m.Name, m.Key.ID, m.Key.Tenant}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) }) {
			continue
		}
		found = append(found, FoundWorkload{company, serverName(t, m.Server), *m})
	}
	return found
}

func serverName(t *metering.Tally, id usage.ServerID) string {
	for i := range t.Servers {
		if t.Servers[i].Server == id {
			return t.Servers[i].Name
		}
	}
	return ""
}

// Stretch is a time in which a workload's state was the same.
type Stretch struct {
	From    time.Time
	Company usage.CompanyID  // whose figure it was part of (C30)
	Member  *metering.Member // nil: absent (C1)
	Unknown bool             // no list of the server is known for then
}

// WorkloadLife gives a workload's states from one instant until another, each by the figure of the company to which it
// belonged then. It asks at every instant at which that figure can change, so it is exact; each takes some milliseconds.
func (a *App) WorkloadLife(ctx context.Context, server fleet.Server, key usage.WorkloadKey, from, until time.Time) ([]Stretch, error) {
	owners, err := a.ownersOf(ctx, server, key)
	if err != nil {
		return nil, err
	}
	var life []Stretch
	for at := usage.Truncate(from); at.Before(until); {
		company, moved := owners.at(at)
		tally, next, err := a.Ledger.Until(ctx, ledger.Query{Company: company, Product: server.Product, At: at, Members: true})
		if err != nil {
			return nil, err
		}
		s := stretchAt(tally, server.ID, key, at)
		s.Company = company
		life = appendStretch(life, s)
		at = next
		if !moved.IsZero() && moved.Before(next) {
			at = moved
		}
	}
	return life, nil
}

// owners are the dated facts that say to which company a workload belongs (C30, C31, C38).
type owners struct {
	server, own, shared []usage.Fact // of the server; of its tenant there; of the tenant on any shared server
	removed             map[usage.CompanyID][]usage.Fact
}

func (a *App) ownersOf(ctx context.Context, server fleet.Server, key usage.WorkloadKey) (*owners, error) {
	o := &owners{removed: make(map[usage.CompanyID][]usage.Fact)}
	for subject, facts := range map[usage.Subject]*[]usage.Fact{
		usage.ServerSubject(server.ID): &o.server, usage.TenantSubject(server.ID, key.Tenant): &o.own, usage.TenantSubject(0, key.Tenant): &o.shared,
	} {
		found, err := a.Store.SubjectFacts(ctx, subject, usage.AttrCompany)
		if err != nil {
			return nil, err
		}
		*facts = found
	}
	for _, f := range slices.Concat(o.own, o.shared) {
		id := companyOf(f.Value)
		if _, ok := o.removed[id]; ok || id < usage.FirstCompany {
			continue
		}
		facts, err := a.Store.SubjectFacts(ctx, usage.CompanySubject(id), usage.AttrRemoved)
		if err != nil {
			return nil, err
		}
		o.removed[id] = facts
	}
	return o, nil
}

// at gives the company at an instant, and when that can be another one; zero: never.
func (o *owners) at(t time.Time) (company usage.CompanyID, until time.Time) {
	company = valueCompany(o.server, t)
	if company == 0 { // shared
		if company = valueCompany(o.own, t); company < usage.FirstCompany {
			company = valueCompany(o.shared, t)
		}
		if removed, _ := usage.ValueAt(o.removed[company], t); company < usage.FirstCompany || removed == "true" {
			company = usage.Unassigned
		}
	}
	dated := slices.Concat(o.server, o.own, o.shared)
	for _, facts := range o.removed {
		dated = append(dated, facts...)
	}
	for i := range dated {
		if f := dated[i].ValidFrom; f.After(t) && (until.IsZero() || f.Before(until)) {
			until = f
		}
	}
	return company, until
}

func valueCompany(facts []usage.Fact, t time.Time) usage.CompanyID {
	value, _ := usage.ValueAt(facts, t)
	return companyOf(value)
}

// companyOf reads a fact's company; 0 where it names none.
func companyOf(value string) usage.CompanyID {
	n, _ := strconv.ParseInt(value, 10, 64)
	return usage.CompanyID(n)
}

func stretchAt(t *metering.Tally, server usage.ServerID, key usage.WorkloadKey, at time.Time) Stretch {
	s := Stretch{From: at, Unknown: true}
	for i := range t.Servers {
		if t.Servers[i].Server == server {
			s.Unknown = t.Servers[i].ListAt == nil
		}
	}
	for i := range t.Members {
		if t.Members[i].Server == server && t.Members[i].Key == key {
			s.Member = &t.Members[i]
		}
	}
	return s
}

// appendStretch adds a stretch, unless it only goes on.
func appendStretch(life []Stretch, s Stretch) []Stretch {
	if n := len(life); n > 0 && life[n-1].same(&s) {
		return life
	}
	return append(life, s)
}

func (s *Stretch) same(o *Stretch) bool {
	if (s.Member == nil) != (o.Member == nil) || s.Unknown != o.Unknown || s.Company != o.Company {
		return false
	}
	a, b := s.Member, o.Member
	return a == nil || a.State == b.State && a.Type == b.Type && a.Unit == b.Unit && a.Units == b.Units && a.Name == b.Name &&
		(a.ChargedBy == nil) == (b.ChargedBy == nil) && (a.ChargedBy == nil || *a.ChargedBy == *b.ChargedBy)
}
