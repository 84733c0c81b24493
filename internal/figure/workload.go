package figure

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// FoundWorkload is a workload that is listed now, with its state.
type FoundWorkload struct {
	Company    usage.CompanyID
	ServerName string
	metering.Member
}

// FindWorkloads gives every workload that is listed now whose name, id or tenant contains the text, letter case aside, by
// company, server and id. It asks every company's figure: what is shown is what is counted (C29).
func (s *Service) FindWorkloads(ctx context.Context, text string) ([]FoundWorkload, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil, fault.New(fault.Invalid, "what to look for is empty: give a part of a name, an id or a tenant")
	}
	ids, err := s.searched(ctx)
	if err != nil {
		return nil, err
	}
	var found []FoundWorkload
	for _, id := range ids {
		of, err := s.foundOf(ctx, id, text, false)
		if err != nil {
			return nil, err
		}
		found = append(found, of...)
	}
	return found, nil
}

func appendFound(found []FoundWorkload, company usage.CompanyID, t *metering.Tally, text string) []FoundWorkload {
	for i := range t.Members {
		m := &t.Members[i]
		if !slices.ContainsFunc([]string{m.Name, m.Key.ID, m.Key.Tenant}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) }) {
			continue
		}
		found = append(found, FoundWorkload{company, serverName(t, m.Server), *m})
	}
	return found
}

// Life gives a workload's life (ledger.Life), and whether its server lists it at any time of that. Where it does not, a UUID
// is looked for in the other letter case, since people copy it from where it is written otherwise; any other id is another
// workload then (C12).
func (s *Service) Life(ctx context.Context, server *fleet.Server, key usage.WorkloadKey, from, until time.Time) (life []ledger.Stretch, listed bool, err error) {
	ids := []string{key.ID}
	if uuid.Validate(key.ID) == nil {
		ids = append(ids, strings.ToLower(key.ID), strings.ToUpper(key.ID))
	}
	for _, key.ID = range ids {
		life, err = s.Ledger.Life(ctx, server.ID, server.Product, key, from, until)
		if listed = slices.ContainsFunc(life, func(s ledger.Stretch) bool { return s.Member != nil }); err != nil || listed {
			break
		}
	}
	return life, listed, err
}

func serverName(t *metering.Tally, id usage.ServerID) string {
	for i := range t.Servers {
		if t.Servers[i].Server == id {
			return t.Servers[i].Name
		}
	}
	return ""
}

// Found is a workload that is listed now, in JSON.
type Found struct {
	Company usage.CompanyID `json:"company"`
	Server  usage.ServerID  `json:"server"`
	Name    string          `json:"serverName"`
	Member
}

// JSON puts it into words.
func (f *FoundWorkload) JSON() Found {
	return Found{f.Company, f.Server, f.ServerName, MemberOf(&f.Member)}
}

// Member is a workload at an instant in JSON.
type Member struct {
	Tenant string         `json:"tenant,omitempty"`
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	State  metering.State `json:"state"`
	Rule   string         `json:"rule"`
	Unit   usage.UnitKind `json:"unit"`
	Units  usage.Units    `json:"units"`
}

// MemberOf puts a workload into words.
func MemberOf(m *metering.Member) Member {
	return Member{m.Key.Tenant, m.Key.ID, m.Name, m.Type, m.State, m.Rule, m.Unit, m.Units}
}

// Stretch is a time in which a workload's state was the same, in JSON.
type Stretch struct {
	From     time.Time       `json:"from"`
	Company  usage.CompanyID `json:"company"`
	Known    bool            `json:"known"`
	Workload *Member         `json:"workload"` // null: absent
}

// StretchesOf puts a life into words.
func StretchesOf(life []ledger.Stretch) []Stretch {
	list := []Stretch{}
	for i := range life {
		j := Stretch{From: life[i].From, Company: life[i].Company, Known: !life[i].Unknown}
		if m := life[i].Member; m != nil {
			w := MemberOf(m)
			j.Workload = &w
		}
		list = append(list, j)
	}
	return list
}
