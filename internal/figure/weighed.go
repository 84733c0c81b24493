package figure

import (
	"context"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Weighing says where the units of the workloads of a type come from that are listed now (C16).
type Weighing struct {
	Weighed, Companies int // by the catalogue's weight, and of how many companies these are
	Stated             int // their servers state their units
}

// Weighings counts what is listed now by the types of a catalogue. It reads all lists: for who changes weights, not for every page.
func (s *Service) Weighings(ctx context.Context, types *catalog.Catalog) (map[string]Weighing, error) {
	all, companies := make(map[string]Weighing), make(map[string]map[usage.CompanyID]bool)
	err := s.everyListed(ctx, func(w *ledger.Listed) {
		t, known := types.Resolve(w.Type)
		if !known {
			return
		}
		n := all[t.ID]
		if w.Units != nil {
			n.Stated++
		} else {
			n.Weighed++
			if companies[t.ID] == nil {
				companies[t.ID] = make(map[usage.CompanyID]bool)
			}
			companies[t.ID][w.Company] = true
		}
		n.Companies = len(companies[t.ID])
		all[t.ID] = n
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
