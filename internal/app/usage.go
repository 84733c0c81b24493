package app

import (
	"context"
	"encoding/json"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Resource is a usage resource by its short name (product.md §1).
type Resource string

// The resources of counting.md §6.
const (
	BackupServer        Resource = "backupServer"
	CloudConnect        Resource = "cloudConnect"
	AvailabilityConsole Resource = "availabilityConsole"
)

// Product gives the product whose workloads a resource counts.
func (r Resource) Product() (usage.Product, error) {
	switch r {
	case BackupServer:
		return usage.ProductVBR, nil
	case CloudConnect:
		return usage.ProductCloudConnect, nil
	case AvailabilityConsole:
		return usage.ProductConsole, nil
	}
	return "", fault.New(fault.Invalid, "%q is not one of backupServer, cloudConnect, availabilityConsole", r)
}

// UsageQuery asks for one figure; zero times mean now.
type UsageQuery struct {
	Company        usage.CompanyID
	Resource       Resource
	At             time.Time
	RecordedBefore time.Time
	Explain        bool // also what the figure is made of
}

// UsageAnswer is a figure and its JSON form (product.md §1).
type UsageAnswer struct {
	Tally *metering.Tally
	JSON  []byte
}

// Usage gives a figure.
func (a *App) Usage(ctx context.Context, q UsageQuery) (UsageAnswer, error) {
	product, err := q.Resource.Product()
	if err != nil {
		return UsageAnswer{}, err
	}
	tally, err := a.Ledger.Usage(ctx, ledger.Query{Company: q.Company, Product: product, At: q.At, RecordedBefore: q.RecordedBefore, Members: q.Explain})
	if err != nil {
		return UsageAnswer{}, err
	}
	figure := usageJSON{
		Company: q.Company, Resource: q.Resource, At: tally.At.UTC(), AsOf: tally.AsOf, Complete: tally.Complete,
		Unknown: names(tally, func(s *metering.Source) bool { return s.Unknown }),
		Stale:   names(tally, func(s *metering.Source) bool { return s.Stale }),
		Rows:    v2.AppendUsageRows(nil, tally, v2.Profile30),
	}
	if q.Explain {
		figure.explanationJSON = explanationOf(tally)
	}
	text, err := json.Marshal(figure)
	return UsageAnswer{tally, text}, err
}

type usageJSON struct {
	Company  usage.CompanyID `json:"company"`
	Resource Resource        `json:"resource"`
	At       time.Time       `json:"at"`
	AsOf     *time.Time      `json:"asOf"`
	Complete bool            `json:"complete"`
	Unknown  []string        `json:"unknown"`
	Stale    []string        `json:"stale"`
	Rows     json.RawMessage `json:"rows"`
	*explanationJSON
}

func names(t *metering.Tally, which func(*metering.Source) bool) []string {
	list := []string{}
	for i := range t.Servers {
		if which(&t.Servers[i]) {
			list = append(list, t.Servers[i].Name)
		}
	}
	return list
}
