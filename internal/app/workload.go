package app

import (
	"context"
	"slices"
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
	From   time.Time
	Member *metering.Member // nil: absent (C1)
	// Unknown: the server was not read yet, or its list never.
	Unknown bool
}

// WorkloadLife gives a workload's states from one instant until another, by the figures of the company that it is
// attributed to at the end. It asks at every instant at which its figure can change, so it is exact; each takes some
// milliseconds.
func (a *App) WorkloadLife(ctx context.Context, server fleet.Server, key usage.WorkloadKey, from, until time.Time) ([]Stretch, usage.CompanyID, error) {
	company, err := a.ownerOf(ctx, server, key, until)
	if err != nil {
		return nil, 0, err
	}
	var life []Stretch
	for at := usage.Truncate(from); at.Before(until); {
		tally, next, err := a.Ledger.Until(ctx, ledger.Query{Company: company, Product: server.Product, At: at, Members: true})
		if err != nil {
			return nil, 0, err
		}
		life = appendStretch(life, stretchAt(tally, server.ID, key, at))
		at = next
	}
	return life, company, nil
}

// ownerOf gives the company whose figure holds the workload: its server's, or on a shared one its tenant's.
func (a *App) ownerOf(ctx context.Context, server fleet.Server, key usage.WorkloadKey, at time.Time) (usage.CompanyID, error) {
	if !server.Shared {
		return server.Company, nil
	}
	companies, err := a.Store.Companies(ctx)
	if err != nil {
		return 0, err
	}
	for i := range companies {
		if slices.ContainsFunc(companies[i].Tenants, func(t fleet.Tenant) bool {
			return t.Name == key.Tenant && (t.Server == 0 || t.Server == server.ID)
		}) {
			return companies[i].ID, nil
		}
	}
	return usage.Unassigned, nil
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
	if (s.Member == nil) != (o.Member == nil) || s.Unknown != o.Unknown {
		return false
	}
	a, b := s.Member, o.Member
	return a == nil || a.State == b.State && a.Type == b.Type && a.Unit == b.Unit && a.Units == b.Units && a.Name == b.Name &&
		(a.ChargedBy == nil) == (b.ChargedBy == nil) && (a.ChargedBy == nil || *a.ChargedBy == *b.ChargedBy)
}
