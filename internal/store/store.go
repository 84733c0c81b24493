package store

import (
	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/once"
	"github.com/tallystick/tallystick/internal/record"
	"github.com/tallystick/tallystick/internal/statement"
)

// Store is everything that an engine keeps.
type Store interface {
	fleet.CompanyStore
	fleet.ServerStore
	fleet.CredentialStore
	fleet.PolicyStore
	fleet.InventoryStore
	ledger.Store
	ledger.History
	alarm.Store
	alarm.AnswerStore
	statement.Store
	statement.ExportStore
	access.UserStore
	audit.Store
	record.Store
	access.SessionStore
	access.TokenStore
	access.FactorStore
	once.Store
	feed.Store

	// Close ends the engine; it waits for running transactions.
	Close() error
}
