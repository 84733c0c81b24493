package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// CompanyDraft is one of many companies as it is to be.
type CompanyDraft struct {
	Was *Company // nil: it is new
	Is  Company
}

// Check puts the company into its form and names what is wrong with it, but for labels, by the paths of NewCompany.
func (d *CompanyDraft) Check() []fault.Field {
	n := NewCompany{Name: d.Is.Name, Tenants: d.Is.Tenants, Profile: d.Is.Profile}
	fields := n.Check()
	d.Is.Name, d.Is.Tenants, d.Is.Profile = n.Name, n.Tenants, n.Profile
	return fields
}

// Changes says in words what is otherwise than it was; empty: nothing.
func (d *CompanyDraft) Changes() string {
	if d.Was == nil {
		return companyChanges(&Company{Enabled: true}, &d.Is)
	}
	return companyChanges(d.Was, &d.Is)
}

// put is the step that makes it so. Mappings change from now on.
func (d *CompanyDraft) put(uid func() string, now time.Time) CompanyPut {
	put := CompanyPut{Company: d.Is, Action: audit.Added, Detail: d.Changes()}
	if d.Was == nil {
		put.Company.UID, put.Company.CreatedAt = uid(), now
		return put
	}
	put.Action = audit.Changed
	for _, t := range d.Was.Tenants {
		if !slices.Contains(d.Is.Tenants, t) {
			put.Facts = append(put.Facts, tenantFact(t, usage.Unassigned, now))
		}
	}
	for _, t := range d.Is.Tenants {
		if !slices.Contains(d.Was.Tenants, t) {
			put.Facts = append(put.Facts, tenantFact(t, d.Is.ID, now))
		}
	}
	return put
}

// PutCompanies adds and changes many companies in one step: all of them, or none. Drafts that change nothing are left out
// of it. It gives the numbers of all. Conflict, NotFound: what a draft rests on is not so any more.
func (d *Directory) PutCompanies(ctx context.Context, drafts []CompanyDraft) ([]usage.CompanyID, error) {
	now := usage.Truncate(d.Now())
	var puts []CompanyPut
	var places []int
	ids := make([]usage.CompanyID, len(drafts))
	for i := range drafts {
		ids[i] = drafts[i].Is.ID
		if drafts[i].Was == nil || drafts[i].Changes() != "" {
			puts, places = append(puts, drafts[i].put(d.NewUID, now)), append(places, i)
		}
	}
	if len(puts) == 0 {
		return ids, nil
	}
	given, err := d.Companies.PutCompanies(ctx, puts, now)
	for i, id := range given {
		ids[places[i]] = id
	}
	return ids, err
}

// ServerDraft is one of many servers: a new one, or a change of one that is there.
type ServerDraft struct {
	Was  *Server // nil: it is new
	New  NewServer
	Edit ServerEdit // its password is not looked at
}

// Check gives the server as it is to be, and names what is wrong with it; sets are the credential sets that there are.
func (d *ServerDraft) Check(now time.Time, sets []Credential) (Server, []fault.Field) {
	is, _, fields := d.is(now)
	var was *Connection
	manages := d.New.ManagesSets
	if d.Was != nil {
		was, manages = d.Was.Connection, d.Edit.ManagesSets
	}
	for i := range sets {
		fields = append(fields, sets[i].admit(was, is.Connection, manages)...)
	}
	return is, fields
}

func (d *ServerDraft) is(now time.Time) (is Server, facts []usage.Fact, fields []fault.Field) {
	if d.Was == nil {
		is = d.New.server(&fields)
		return is, nil, fields
	}
	is = *d.Was
	facts = d.Edit.apply(&is, now, &fields)
	return is, facts, fields
}

// Changes is that of CompanyDraft.
func (d *ServerDraft) Changes(now time.Time) string {
	was := d.Was
	if was == nil {
		was = &Server{}
	}
	is, _, _ := d.is(now)
	return serverChanges(was, &is)
}

func (d *ServerDraft) put(now time.Time) ServerPut {
	is, facts, _ := d.is(now)
	put := ServerPut{Server: is, Action: audit.Changed, Detail: d.Changes(now), Facts: func(usage.ServerID) []usage.Fact { return facts }}
	if d.Was == nil {
		put.Server.CreatedAt = now
		put.Action, put.Facts = audit.Added, put.Server.firstFacts(now)
	}
	return put
}

// PutServers is PutCompanies for servers. New ones are logged in to with a credential set, or are fed by import.
func (d *Directory) PutServers(ctx context.Context, drafts []ServerDraft) ([]usage.ServerID, error) {
	now := usage.Truncate(d.Now())
	sets, err := d.Credentials.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	var wrong []fault.Field
	for i := range drafts {
		_, fields := drafts[i].Check(now, sets)
		wrong = append(wrong, fields...)
	}
	if err := fault.InvalidFields("the servers are not taken", wrong); err != nil {
		return nil, err
	}
	var puts []ServerPut
	var places []int
	ids := make([]usage.ServerID, len(drafts))
	for i := range drafts {
		if was := drafts[i].Was; was != nil {
			ids[i] = was.ID
		}
		if drafts[i].Was == nil || drafts[i].Changes(now) != "" {
			puts, places = append(puts, drafts[i].put(now)), append(places, i)
		}
	}
	if len(puts) == 0 {
		return ids, nil
	}
	given, err := d.Servers.PutServers(ctx, puts, now)
	for i, id := range given {
		ids[places[i]] = id
	}
	return ids, err
}
