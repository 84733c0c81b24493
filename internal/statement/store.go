package statement

import (
	"context"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/plan"
)

// Plans gives subscription plans; *plan.Service does.
type Plans interface {
	Get(ctx context.Context, id int64) (plan.Item, error)
}

// Store keeps statements. Every method is one transaction.
type Store interface {
	// Statement gives one; number 0: the month's latest. NotFound.
	Statement(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (Statement, error)
	// StatementsOf lists a company's, by month and number.
	StatementsOf(ctx context.Context, company usage.CompanyID) ([]Statement, error)
	// StatementsIn lists the latest one of every company for a month, by company: a reading across companies.
	StatementsIn(ctx context.Context, month usage.Month) ([]Statement, error)
	// Months lists the months of which there are statements, the first one first: a reading across companies.
	Months(ctx context.Context) ([]usage.Month, error)
	// FirstMonths gives the first month of which each company has a statement: a reading across companies.
	FirstMonths(ctx context.Context) (map[usage.CompanyID]usage.Month, error)
	// LatestMonths gives the last month of which each company has a statement: a reading across companies.
	LatestMonths(ctx context.Context) (map[usage.CompanyID]usage.Month, error)
	// SaveStatements keeps each of them as the next revision of the one that it was read as; a Revision of 0 is a new
	// one. All or none; Conflict: one was changed since, or what was seen of a company's others, or of its plan, is not so any more.
	// The step by which each became so goes to the audit trail with it, but for the clock's.
	// Where one is final, late facts are looked for again from its cutoff on (C40): the mark of who looks for them goes
	// back to it, in the same transaction.
	SaveStatements(ctx context.Context, statements []Statement, seen ...Seen) error
}

// Seen is what a step with one of a company's statements rests on: how all of them stood.
type Seen struct {
	Company usage.CompanyID
	Last    usage.Month // the last month that has one; zero: none has
	Marks   []Mark      // of all, by month and number; nil: only Last matters
	Agreed  *Agreed     // nil: nothing is priced with the company's plan
}

// Agreed is how a company's plan stood; zero: it had none.
type Agreed struct{ Plan, Revision int64 }

// Mark is how often a statement was kept.
type Mark struct {
	Month    usage.Month
	Number   int
	Revision int64
}

// seenOf gives what was seen of a company's statements, all of them.
func seenOf(company usage.CompanyID, all []Statement) Seen {
	seen := Seen{Company: company, Marks: []Mark{}}
	for i := range all {
		k := all[i].Key()
		seen.Last = k.Month
		seen.Marks = append(seen.Marks, Mark{k.Month, k.Number, all[i].Revision})
	}
	return seen
}

// Exported says which bundle a final statement has: there is only one.
type Exported struct {
	Key
	SHA256 string // of the file, in hex digits
	Signer string // the fingerprint of the key that signed it
}

// ExportStore remembers which bundles were made. Every method is one transaction.
type ExportStore interface {
	// Exported gives what was recorded of a statement's bundle. NotFound: it has none yet.
	Exported(ctx context.Context, key Key) (Exported, error)
	// RecordExport records a bundle, once: the same again changes nothing. Conflict: the statement has another one.
	RecordExport(ctx context.Context, e Exported) error
	// Signers lists the keys that ever signed a bundle.
	Signers(ctx context.Context) ([]string, error)
}
