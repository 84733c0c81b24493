package figure

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// ReconcileQuery asks what differed between the vendor's counters and our own count (C25).
type ReconcileQuery struct {
	Company        *usage.CompanyID // nil: all, and the shared servers, each as a whole
	Resource       Resource         // empty: all
	Month          *usage.Month     // nil: from the beginning of the last month until now
	RecordedBefore time.Time        // zero: all that is known now
}

// Reconciled is a difference, and whose it is: usage.Provider's on a shared server.
type Reconciled struct {
	Company  usage.CompanyID
	Resource Resource
	ledger.Parting
}

// Reconcile gives the differences that were open at some time of a period, by company, resource, server and type.
func (s *Service) Reconcile(ctx context.Context, q ReconcileQuery) ([]Reconciled, error) {
	from, to, err := s.Period(ctx, q.Month)
	if err != nil {
		return nil, err
	}
	companies, err := s.reconciledCompanies(ctx, q.Company)
	if err != nil {
		return nil, err
	}
	var list []Reconciled
	for _, company := range companies {
		for _, resource := range Resources() {
			if q.Resource != "" && q.Resource != resource {
				continue
			}
			product, err := resource.Product()
			if err != nil {
				return nil, err
			}
			partings, err := s.Ledger.Reconcile(ctx, ledger.Span{Company: company, Product: product, From: from, To: to, RecordedBefore: q.RecordedBefore})
			if err != nil {
				return nil, err
			}
			for i := range partings {
				list = append(list, Reconciled{company, resource, partings[i]})
			}
		}
	}
	return list, nil
}

// Period gives the first and the last instant of a month in the zone that governed then (C8); nil: from the last month on. Invalid:
// it has not begun.
func (s *Service) Period(ctx context.Context, month *usage.Month) (from, to time.Time, err error) {
	calendar, err := s.Calendar(ctx)
	if err != nil {
		return from, to, err
	}
	now := s.Now()
	switch {
	case month != nil && now.Before(calendar.Begins(*month)):
		return from, to, fault.New(fault.Invalid, "%s has not begun yet", month)
	case month != nil:
		return calendar.Begins(*month), calendar.Begins(month.Next()).Add(-time.Microsecond), nil
	}
	return calendar.Begins(calendar.MonthOf(now).Previous()), now, nil
}

func (s *Service) reconciledCompanies(ctx context.Context, only *usage.CompanyID) ([]usage.CompanyID, error) {
	if only != nil {
		return []usage.CompanyID{*only}, nil
	}
	companies, err := s.Companies.Companies(ctx)
	if err != nil {
		return nil, err
	}
	ids := []usage.CompanyID{usage.Provider, usage.Unassigned}
	for i := range companies {
		ids = append(ids, companies[i].ID)
	}
	return ids, nil
}

// Difference is a difference in JSON.
type Difference struct {
	Company    usage.CompanyID `json:"company"` // 0: all companies of a shared server
	Resource   Resource        `json:"resource"`
	Server     usage.ServerID  `json:"server"`
	ServerName string          `json:"serverName"`
	Type       string          `json:"type"`
	Unit       usage.UnitKind  `json:"unit"`
	Reported   Amounts         `json:"reported"`
	Computed   Amounts         `json:"computed"`
	Since      time.Time       `json:"since"`
	Updated    time.Time       `json:"updated"`
	Closed     *time.Time      `json:"closed"` // null: open
	Candidates []Candidate     `json:"candidates"`
}

// Candidate is a workload that may be why.
type Candidate struct {
	Tenant string `json:"tenant,omitempty"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Why    string `json:"why"`
	Text   string `json:"text"`
}

// JSON puts a difference into words.
func (r *Reconciled) JSON() Difference {
	j := Difference{
		Company: r.Company, Resource: r.Resource, Server: r.Server, ServerName: r.ServerName, Type: r.Type, Unit: r.Unit,
		Reported: AmountsOf(&r.Reported), Computed: AmountsOf(&r.Computed), Since: r.Since, Updated: r.Updated, Candidates: []Candidate{},
	}
	if !r.Closed.IsZero() {
		j.Closed = &r.Closed
	}
	for k := range r.Candidates {
		c := &r.Candidates[k]
		j.Candidates = append(j.Candidates, Candidate{c.Member.Key.Tenant, c.Member.Key.ID, c.Name, c.Why, c.Words()})
	}
	return j
}
