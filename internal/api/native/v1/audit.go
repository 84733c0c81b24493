package v1

import (
	"context"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/audit"
)

// change is an entry of the trail.
type change struct {
	ID      int64   `json:"id"`
	At      instant `json:"at"`
	Actor   string  `json:"actor"`
	Via     string  `json:"via"`
	Company *int64  `json:"company"` // null: no company alone
	Subject string  `json:"subject"`
	Action  string  `json:"action"`
	Detail  string  `json:"detail"`
}

// listAudit goes back from the newest entry.
func (s *Surface) listAudit(c *call) (any, error) {
	if err := c.forProvider(access.ReadAudit); err != nil {
		return nil, err
	}
	company, err := s.companyOptionFor(c, access.ReadAudit)
	if err != nil {
		return nil, err
	}
	ordered := c.option("sort") != ""
	return rows[change]{identity: "id desc", each: func(ctx context.Context, from []query.Value, yield func(*change) bool) error {
		q := audit.Query{Company: company, Limit: limitMax}
		if len(from) > 0 && !ordered {
			q.Before = int64(from[0].Number)
		}
		for {
			entries, err := s.Trail.Audit(ctx, q)
			if err != nil {
				return err
			}
			for i := range entries {
				v := &entries[i]
				if !yield(&change{v.ID, instant(v.At), v.Name, v.Via, numberOrNull(v.Company), v.Subject, v.Action, v.Detail}) {
					return nil
				}
			}
			if len(entries) < q.Limit {
				return nil
			}
			q.Before = entries[len(entries)-1].ID
		}
	}}, nil
}
