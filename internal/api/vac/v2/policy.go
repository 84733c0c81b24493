package v2

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/record"
)

// policy is a backup policy as somebody posted it. What it means is the business of consoles: it comes back unchanged.
type policy struct {
	Name    string          `json:"name"`
	OSType  string          `json:"osType,omitempty"`
	Creator string          `json:"creator"`
	Posted  json.RawMessage `json:"posted"` // the object, without what a console says of it itself
}

// policyOwn are the properties that a console gives a policy; scripts that copy policies leave them out (rest-v2.md §3.10).
var policyOwn = []string{"id", "name", "modifieddate", "tenantscount", "type", "createdby", "ostype", linksName}

// posted are the members of an object that are written as they came.
type posted json.RawMessage

var shapeOfPolicy = shapeOf[backupPolicy]()

func (s *Surface) policies() record.Book[policy] {
	return record.Book[policy]{Kind: "backup policy", Store: s.Records, Now: s.Now}
}

func (s *Surface) listPolicies(r *http.Request) (any, error) {
	items, err := s.policies().List(r.Context(), record.Below{})
	if err != nil {
		return nil, err
	}
	list := make([]backupPolicy, len(items))
	for i := range items {
		list[i] = s.toWirePolicy(r, &items[i])
	}
	return answer{shape: shapeOfPolicy, value: list}, nil
}

func (s *Surface) getPolicy(r *http.Request) (any, error) {
	id, err := recordNumber(r, "ID", s.policies().Kind)
	if err != nil {
		return nil, err
	}
	item, err := s.policies().Get(r.Context(), record.Below{}, id)
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfPolicy, value: s.toWirePolicy(r, &item)}, nil
}

func (s *Surface) createPolicy(r *http.Request) (any, error) {
	b, err := readBody(r)
	if err != nil {
		return nil, err
	}
	value := policy{Creator: api.Actor(r.Context()).Name}
	b.text("name", &value.Name)
	b.text("osType", &value.OSType)
	if problem := usage.LineProblem(value.Name, 200); problem != "" && len(b.wrong) == 0 {
		b.fail("name", problem)
	}
	if err := b.err("The backup policy is not created.", nil, nil); err != nil {
		return nil, err
	}
	kept := maps.Clone(b.named)
	maps.DeleteFunc(kept, func(name string, _ json.RawMessage) bool { return slices.Contains(policyOwn, strings.ToLower(name)) })
	value.Posted = objectOf(kept)
	item, err := s.policies().Add(by(r), record.Below{}, value)
	if err != nil {
		return nil, err
	}
	w := s.toWirePolicy(r, &item)
	return answer{shape: shapeOfPolicy, value: w, status: http.StatusCreated, location: w.Links.Self.Href}, nil
}

func (s *Surface) toWirePolicy(r *http.Request, item *record.Item[policy]) backupPolicy {
	return backupPolicy{
		ID: item.ID, Name: item.Value.Name, Type: "Created by Provider", OSType: cmp.Or(item.Value.OSType, "Workstation"), ModifiedDate: isoTime(item.ChangedAt),
		CreatedBy: item.Value.Creator, Links: selfLink{link{fmt.Sprintf("%s/backupPolicies/%d", s.base(r), item.ID)}}, Posted: posted(item.Value.Posted),
	}
}

// objectOf writes members as they came, in the order of their names.
func objectOf(members map[string]json.RawMessage) json.RawMessage {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, quote(name)...), ':'), members[name]...)
	}
	return append(b, '}')
}
