package app

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// recounted is what a recount found.
type recounted struct {
	figures int64
	differ  []string // each in figures
}

// recount compares the figures of every company and product at some instants (zero: now) with what is counted from every
// reading, which anew replays.
func (a *App) recount(ctx context.Context, anew ledger.Store, at []time.Time, tell func(done, of int64)) (r recounted, err error) {
	companies, err := everyCompany(ctx, a.Store)
	if err != nil {
		return r, err
	}
	each := int64(len(usage.Products()))
	all := int64(len(at)*len(companies)) * each
	for _, instant := range at {
		for i := range companies {
			err := a.Ledger.Recount(ctx, anew, companies[i:i+1], instant, func(d ledger.Difference) { r.differ = append(r.differ, inFigures(d)) })
			if err != nil {
				return r, err
			}
			if r.figures += each; tell != nil {
				tell(r.figures, all)
			}
		}
	}
	return r, nil
}

// text says which figures differ; empty: none.
func (r recounted) text() string {
	if len(r.differ) == 0 {
		return ""
	}
	some := r.differ[:min(len(r.differ), problemsMax)]
	return fmt.Sprintf("%d of %d figures differ: %s", len(r.differ), r.figures, strings.Join(some, "; "))
}

// inFigures says what differs, in the words of the usage resources; what is not in those is only said to differ.
func inFigures(d ledger.Difference) string {
	when := ""
	if !d.At.IsZero() {
		when = " at " + d.At.Format(time.RFC3339)
	}
	kept, counted := v2.AppendUsageRows(nil, d.Kept, v2.Profile30), v2.AppendUsageRows(nil, d.Counted, v2.Profile30)
	if bytes.Equal(kept, counted) {
		return fmt.Sprintf("%s of company %s%s: the same rows %s, resting on other servers or readings", d.Product, d.Company, when, kept)
	}
	return fmt.Sprintf("%s of company %s%s: kept %s, counted %s", d.Product, d.Company, when, kept, counted)
}
