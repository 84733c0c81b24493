package v2

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
)

// Plans gives subscription plans, and companies theirs; *plan.Service is one.
type Plans interface {
	All(ctx context.Context) ([]plan.Item, error)
	Get(ctx context.Context, id int64) (plan.Item, error)
	Assign(ctx context.Context, company usage.CompanyID, id int64) (fleet.Company, error)
}

func (s *Surface) listPlans(r *http.Request) (any, error) {
	items, err := s.Plans.All(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]subscriptionPlan, len(items))
	for i := range items {
		list[i] = s.toWirePlan(r, &items[i])
	}
	return answer{shape: shapeOfPlan, value: list}, nil
}

func (s *Surface) getPlan(r *http.Request) (any, error) {
	id, err := planNumber(r, "ID")
	if err != nil {
		return nil, err
	}
	return s.onePlan(r, id)
}

func (s *Surface) onePlan(r *http.Request, id int64) (any, error) {
	item, err := s.Plans.Get(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfPlan, value: s.toWirePlan(r, &item)}, nil
}

// planNumber reads a plan's number: 0 is one, too.
func planNumber(r *http.Request, id string) (int64, error) {
	n, err := strconv.ParseInt(api.PathID(r, id), 10, 64)
	if err != nil || n < 0 {
		return 0, noneOf(r, id, "subscription plan")
	}
	return n, nil
}

func (s *Surface) getTenantPlan(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	return s.onePlan(r, c.Profile.Plan)
}

// assignPlan gives a tenant the plan that the path names; what it has already it keeps.
func (s *Surface) assignPlan(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	id, err := planNumber(r, "planID")
	if err != nil {
		return nil, err
	}
	if _, err := s.Plans.Assign(by(r), c.ID, id); err != nil {
		return nil, err
	}
	return "Subscription plan has been set.", nil
}

func (s *Surface) planURL(r *http.Request, id int64) string {
	return urlOf(s.base(r)+"/subscriptionPlans", id)
}

// toWirePlan names a unit also where nothing is asked for, as the reference does.
func (s *Surface) toWirePlan(r *http.Request, item *plan.Item) subscriptionPlan {
	p := &item.Value
	return subscriptionPlan{
		ID: item.ID, Name: p.Name, Description: p.Description, Currency: p.Currency, TaxType: p.Tax, VATPercent: p.TaxPercent, DiscountPercent: p.Discount,
		ManagedServices: p.Service.Price, ManagedVMs: p.VM.Price, ManagedWorkstations: p.Workstation.Price, ManagedCloudAgents: p.CloudAgent.Price,
		ManagedServers: p.Server.Price, StoredVMs: p.StoredVM.Price, StoredServers: p.StoredServer.Price, StoredWorkstations: p.StoredWorkstation.Price,
		Repository: p.Repository.Price, RepositoryUnits: cmp.Or(p.Repository.Per, "TB"),
		FreeSpaceEnabled: p.Repository.Free > 0, FreeSpace: p.Repository.Free, FreeSpaceUnits: cmp.Or(p.Repository.FreePer, "GB"),
		BackupTransfer: p.BackupTransfer.Price, BackupTransferUnits: cmp.Or(p.BackupTransfer.Per, "GB"),
		ReplicationTransfer: p.ReplicationTransfer.Price, ReplicationTransferUnits: cmp.Or(p.ReplicationTransfer.Per, "GB"),
		ReplicatedVMs: p.ReplicatedVM.Price, CloudStorage: p.CloudStorage.Price, CloudStorageUnits: cmp.Or(p.CloudStorage.Per, "TB"),
		FreeStorageEnabled: p.CloudStorage.Free > 0, FreeStorage: p.CloudStorage.Free, FreeStorageUnits: cmp.Or(p.CloudStorage.FreePer, "GB"),
		FreeComputeEnabled: p.Compute.Free > 0, FreeCompute: p.Compute.Free, FreeComputeUnits: "hour",
		Compute: p.Compute.Price, ComputeUnits: "Hour",
		Links: selfLink{link{s.planURL(r, item.ID)}},
	}
}
