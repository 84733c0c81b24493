package bundle

import (
	"context"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Keys are the provider's keys.
type Keys interface {
	// Signer gives the key with a fingerprint; empty: the one that signs now. NotFound: it is not there.
	Signer(ctx context.Context, fingerprint string) (Signer, error)
}

// Exporter makes bundles of final statements, each behind the one before it.
type Exporter struct {
	statement.Counter
	Statements statement.Store
	Exports    statement.ExportStore
	Keys       Keys
}

// Made is a bundle that was made.
type Made struct {
	Statement statement.Statement
	Record    statement.Exported
	Data      []byte
	Again     bool // it had been made before, byte by byte the same
}

// FileName is what its file is called, wherever it is had from.
func (m *Made) FileName() string {
	t := &m.Statement
	return fmt.Sprintf("tallystick-%d-%s-%d.zip", t.Company, t.Month, t.Number)
}

// Export makes the bundle of a statement; number 0: the month's latest. Those before it that were never made are made,
// too, and recorded. Conflict: the statement is not final, or what would be written is not what was written the first time.
func (x *Exporter) Export(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (Made, error) {
	t, err := x.Statements.Statement(ctx, company, month, number)
	if err != nil {
		return Made{}, err
	}
	all, err := x.Statements.StatementsOf(ctx, company)
	if err != nil {
		return Made{}, err
	}
	return x.make(ctx, &chain{of: all, links: make(map[statement.Key]*Link)}, &t)
}

// chain is a company's statements, and the bundles of those that were looked at.
type chain struct {
	of    []statement.Statement // by month and number
	links map[statement.Key]*Link
}

func (x *Exporter) make(ctx context.Context, c *chain, t *statement.Statement) (m Made, err error) {
	if err := needFinal(t); err != nil { // before anything is made for it
		return m, err
	}
	known, err := x.Exports.Exported(ctx, t.Key())
	again := err == nil
	if err != nil && !fault.Is(err, fault.NotFound) {
		return m, err
	}
	signer, err := x.Keys.Signer(ctx, known.Signer)
	if err != nil {
		return m, err
	}
	evidence := func(ctx context.Context, visit func(statement.Evidence) error) error {
		return x.From(ctx, t.Company, t.Cutoff, visit)
	}
	contents := Contents{Statement: *t, Evidence: evidence, Policy: x.Policy, Signer: signer}
	if contents.Previous, err = x.previous(ctx, c, t); err != nil {
		return m, err
	}
	data, err := Write(ctx, contents)
	if err != nil {
		return m, err
	}
	m = Made{*t, statement.Exported{Key: t.Key(), SHA256: Sum(data), Signer: Fingerprint(signer.Public())}, data, again}
	if again && m.Record != known {
		return m, fault.New(fault.Conflict, "the bundle of company %d for %s, statement %d, that was exported first has the SHA-256 %s, and what would be written now has %s: "+
			"use the first one. The ledger, or what this version of the program writes, is not what it was then; doctor examines the ledger", t.Company, t.Month, t.Number, known.SHA256, m.Record.SHA256)
	}
	return m, x.Exports.RecordExport(ctx, m.Record)
}

// previous gives the bundles that a statement's stands behind. That of the month before is the one that counted when the
// statement became final: what superseded it later does not change this one.
func (x *Exporter) previous(ctx context.Context, c *chain, t *statement.Statement) (p Previous, err error) {
	at, _ := t.FinalisedAt()
	var before, replaces *statement.Statement
	for i := range c.of {
		o := &c.of[i]
		switch key := o.Key(); {
		case key.Month.Next() == t.Key().Month && o.State == statement.Final:
			if was, _ := o.FinalisedAt(); before == nil || !was.After(at) {
				before = o
			}
		case o.Month == t.Month && o.Number == t.Supersedes:
			replaces = o
		}
	}
	if p.Before, err = x.link(ctx, c, before); err != nil {
		return p, err
	}
	p.Replaces, err = x.link(ctx, c, replaces)
	return p, err
}

// link gives a statement's bundle, which it makes and records where there is none yet.
func (x *Exporter) link(ctx context.Context, c *chain, t *statement.Statement) (*Link, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	if l, known := c.links[t.Key()]; known {
		return l, nil
	}
	e, err := x.Exports.Exported(ctx, t.Key())
	if fault.Is(err, fault.NotFound) {
		var m Made
		m, err = x.make(ctx, c, t)
		e = m.Record
	}
	if err != nil {
		return nil, err
	}
	l := &Link{t.Month, t.Number, e.SHA256}
	c.links[t.Key()] = l
	return l, nil
}
