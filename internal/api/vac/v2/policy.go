package v2

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
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
var policyOwn = []string{"id", "name", "modifieddate", "tenantscount", "type", "createdby", "ostype", query.LinksName}

var shapeOfPolicy = query.ShapeOf[backupPolicy]()

func (s *Surface) policies() recordSet[policy, backupPolicy] {
	return recordSet[policy, backupPolicy]{
		book: record.Book[policy]{Kind: "backup policy", Store: s.Records, Now: s.Now}, shape: shapeOfPolicy, id: "ID",
		of: func(r *http.Request) (record.Below, string, error) {
			return record.Below{}, s.base(r) + "/backupPolicies", nil
		},
		read: (*body).policy, toWire: toWirePolicy,
	}
}

// policy reads a policy, whose creator is who sends it.
func (b *body) policy(r *http.Request) policy {
	value := policy{Creator: api.Actor(r.Context()).Name}
	b.text("name", &value.Name)
	b.text("osType", &value.OSType)
	if problem := usage.LineProblem(value.Name, 200); problem != "" && len(b.wrong) == 0 {
		b.fail("name", problem)
	}
	for _, own := range policyOwn {
		delete(b.properties, own)
	}
	value.Posted = b.json()
	return value
}

func toWirePolicy(_ *http.Request, url string, item *record.Item[policy]) (backupPolicy, error) {
	return backupPolicy{
		ID: item.ID, Name: item.Value.Name, Type: "Created by Provider", OSType: cmp.Or(item.Value.OSType, "Workstation"), ModifiedDate: isoTime(item.ChangedAt),
		CreatedBy: item.Value.Creator, Links: selfLink{link{urlOf(url, item.ID)}}, Posted: query.Posted(item.Value.Posted),
	}, nil
}
