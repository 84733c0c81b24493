package app

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// told is a store whose directory tells the ledger of what it changes, before it is acknowledged: companies,
// servers and policy decide about answers, and go past the ledger.
type told struct {
	store.Store
	refresh func(context.Context)
}

func (t told) AddCompany(ctx context.Context, c fleet.Company, facts []usage.Fact, now time.Time) (fleet.Company, error) {
	defer t.refresh(ctx)
	return t.Store.AddCompany(ctx, c, facts, now)
}

func (t told) UpdateCompany(ctx context.Context, c fleet.Company, facts []usage.Fact, now time.Time) error {
	defer t.refresh(ctx)
	return t.Store.UpdateCompany(ctx, c, facts, now)
}

func (t told) PutCompanies(ctx context.Context, puts []fleet.CompanyPut, now time.Time) ([]usage.CompanyID, error) {
	defer t.refresh(ctx)
	return t.Store.PutCompanies(ctx, puts, now)
}

func (t told) AddServer(ctx context.Context, v fleet.Server, facts func(usage.ServerID) []usage.Fact, seal func(usage.ServerID) ([]byte, error), now time.Time) (fleet.Server, error) {
	defer t.refresh(ctx)
	return t.Store.AddServer(ctx, v, facts, seal, now)
}

func (t told) UpdateServer(ctx context.Context, v fleet.Server, facts []usage.Fact, now time.Time) error {
	defer t.refresh(ctx)
	return t.Store.UpdateServer(ctx, v, facts, now)
}

func (t told) PutServers(ctx context.Context, puts []fleet.ServerPut, now time.Time) ([]usage.ServerID, error) {
	defer t.refresh(ctx)
	return t.Store.PutServers(ctx, puts, now)
}

func (t told) RecordFacts(ctx context.Context, facts []usage.Fact, now time.Time, seen ...fleet.SeenFact) error {
	defer t.refresh(ctx)
	return t.Store.RecordFacts(ctx, facts, now, seen...)
}

func (t told) RecordCatalog(ctx context.Context, version, rows string, seen usage.Position, now time.Time) error {
	defer t.refresh(ctx)
	return t.Store.RecordCatalog(ctx, version, rows, seen, now)
}
