package statement

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Licenses gives what the readings that a statement rests on said of the licenses of its servers, from the ledger before
// its cutoff: numbers that a statement does not keep. A server of which nothing was read has none.
func (k Counter) Licenses(ctx context.Context, t *Statement) (map[usage.ServerID]usage.License, error) {
	licenses := make(map[usage.ServerID]usage.License)
	err := k.From(ctx, t.Company, t.Cutoff, func(evidence Evidence) error {
		for _, product := range t.products() {
			// What counters say is of the end in UTC, and is looked at last: where both are one instant, it is the same.
			for _, at := range []time.Time{t.Content.At, t.Content.AtUTC} {
				facts, _, err := evidence.At(ctx, product, at)
				if err != nil {
					return err
				}
				for i := range facts.Servers {
					v := &facts.Servers[i]
					if _, known := licenses[v.ID]; v.Snapshot != nil && (!known || t.reported(v.ID)) {
						licenses[v.ID] = v.Snapshot.License
					}
				}
			}
		}
		return nil
	})
	return licenses, err
}

// products lists those of its servers.
func (t *Statement) products() (products []usage.Product) {
	for _, p := range usage.Products() {
		if slices.ContainsFunc(t.Content.Servers, func(v Server) bool { return v.Product == p }) {
			products = append(products, p)
		}
	}
	return products
}

// reported reports whether a server's counters answer.
func (t *Statement) reported(server usage.ServerID) bool {
	return slices.ContainsFunc(t.Content.Servers, func(v Server) bool { return v.ID == server && v.Origin == metering.FromReport })
}
