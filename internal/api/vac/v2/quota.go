package v2

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/record"
)

// quota is what was agreed about a tenant's room on a cloud repository. We keep it; nobody here enforces it. 0: unlimited.
type quota struct {
	Repository   guid   `json:"repository,omitempty"`
	Name         string `json:"name"`
	StorageGB    int    `json:"storageGb,omitempty"`
	Unlimited    bool   `json:"unlimited,omitempty"`
	VMs          int    `json:"vms,omitempty"`
	Servers      int    `json:"servers,omitempty"`
	Workstations int    `json:"workstations,omitempty"`
	WAN          bool   `json:"wan,omitempty"`
	WANUID       guid   `json:"wanUid,omitempty"`
}

var shapeOfBackupResource = shapeOf[backupResource]()

func (s *Surface) quotas() record.Book[quota] {
	return record.Book[quota]{Kind: "backup resource", Store: s.Records, Now: s.Now}
}

// recordNumber reads the number of a record in the path.
func recordNumber(r *http.Request, id string, kind record.Kind) (int64, error) {
	text := api.PathID(r, id)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "There is no %s %q.", kind, text)
	}
	return n, nil
}

// quotaOf gives the tenant and the number that a path names.
func (s *Surface) quotaOf(r *http.Request) (c fleet.Company, id int64, err error) {
	if c, err = s.company(r); err != nil {
		return c, 0, err
	}
	id, err = recordNumber(r, "resourceID", s.quotas().Kind)
	return c, id, err
}

func (s *Surface) listBackupResources(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	items, err := s.quotas().List(r.Context(), record.Below{Company: c.ID})
	if err != nil {
		return nil, err
	}
	list := make([]backupResource, len(items))
	for i := range items {
		list[i] = s.toWireQuota(r, &items[i])
	}
	return answer{shape: shapeOfBackupResource, value: list}, nil
}

func (s *Surface) getBackupResource(r *http.Request) (any, error) {
	c, id, err := s.quotaOf(r)
	if err != nil {
		return nil, err
	}
	item, err := s.quotas().Get(r.Context(), record.Below{Company: c.ID}, id)
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfBackupResource, value: s.toWireQuota(r, &item)}, nil
}

func (s *Surface) createBackupResource(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	value, err := readQuota(r, "The backup resource is not created.")
	if err != nil {
		return nil, err
	}
	item, err := s.quotas().Add(by(r), record.Below{Company: c.ID}, value)
	if err != nil {
		return nil, err
	}
	w := s.toWireQuota(r, &item)
	return answer{shape: shapeOfBackupResource, value: w, status: http.StatusCreated, location: w.Links.Self.Href}, nil
}

func (s *Surface) replaceBackupResource(r *http.Request) (any, error) {
	c, id, err := s.quotaOf(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.quotas().Get(r.Context(), record.Below{Company: c.ID}, id); err != nil {
		return nil, err // before what is wrong with the body
	}
	value, err := readQuota(r, "The backup resource is not replaced.")
	if err != nil {
		return nil, err
	}
	if _, err := s.quotas().Change(by(r), record.Below{Company: c.ID}, id, func(q *quota) error { *q = value; return nil }); err != nil {
		return nil, err
	}
	return said{http.StatusCreated, "Backup resources have been replaced."}, nil
}

func (s *Surface) deleteBackupResource(r *http.Request) (any, error) {
	c, id, err := s.quotaOf(r)
	if err != nil {
		return nil, err
	}
	if err := s.quotas().Remove(by(r), record.Below{Company: c.ID}, id); err != nil {
		return nil, err
	}
	return "Backup resources have been deleted.", nil
}

// readQuota reads what POST and PUT give (rest-v2.md §3.1.1), and what GET gives where it is put back.
func readQuota(r *http.Request, refused string) (q quota, err error) {
	b, err := readBody(r)
	if err != nil {
		return q, err
	}
	b.text("cloudRepositoryName", &q.Name)
	b.text("cloudRepositoryFriendlyName", &q.Name)
	b.guid("providerRepositoryUid", &q.Repository)
	b.guid("backupRepositoryUid", &q.Repository)
	b.truth("wanAccelerationEnabled", &q.WAN)
	b.truth("isWanAccelerationEnabled", &q.WAN)
	b.guid("wanAcceleratorUid", &q.WANUID)
	b.amount("storageQuota", &q.StorageGB)
	b.truth("quotasAreUnlimited", &q.Unlimited)
	b.amount("vMsQuota", &q.VMs)
	b.amount("serversQuota", &q.Servers)
	b.amount("workstationsQuota", &q.Workstations)
	if units := "GB"; b.has("storageQuotaUnits") {
		if b.text("storageQuotaUnits", &units); !strings.EqualFold(units, "GB") {
			b.fail("storageQuotaUnits", "is GB")
		}
	}
	if inner := b.object("quota"); inner != nil {
		inner.amount("storageGb", &q.StorageGB)
		inner.truth("quotasIsUnlimited", &q.Unlimited)
		inner.amount("vms", &q.VMs)
		inner.amount("servers", &q.Servers)
		inner.amount("workstations", &q.Workstations)
		b.within("quota", inner)
	}
	q.Name = strings.TrimSpace(q.Name)
	if problem := usage.LineProblem(q.Name, 200); problem != "" {
		b.fail("cloudRepositoryFriendlyName", problem)
	}
	return q, b.err(refused, nil, nil)
}

// amount is a quota: 0 and -1 are unlimited.
func (b *body) amount(name string, to *int) {
	const amountMax = 1_000_000_000
	n := *to
	b.number(name, &n)
	switch {
	case !b.has(name):
	case n == -1:
		*to = 0
	case n < 0 || n > amountMax:
		b.fail(name, fmt.Sprintf("is between 0 and %d, or -1: unlimited", amountMax))
	default:
		*to = n
	}
}

func (b *body) guid(name string, to *guid) {
	b.take(name, "a GUID", func(value string, quoted bool) bool {
		id, err := uuid.Parse(value)
		*to = guid(id.String())
		if *to == zeroUID {
			*to = ""
		}
		return quoted && err == nil
	})
}

// toWireQuota shows 0 as used: no backup server tells how much of a quota is (docs/compat). The interval in which traffic
// would be counted is the month.
func (s *Surface) toWireQuota(r *http.Request, item *record.Item[quota]) backupResource {
	q, tenant := &item.Value, s.base(r)+"/tenants/"+item.Company.String()
	now := s.Now().UTC()
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return backupResource{
		ID: item.ID, CloudRepositoryName: q.Name, ProviderRepositoryUID: cmp.Or(q.Repository, zeroUID),
		StorageQuota: int64(q.StorageGB), StorageQuotaUnits: "GB", VMsQuota: int64(q.VMs), ServersQuota: int64(q.Servers),
		WorkstationsQuota: int64(q.Workstations), QuotasAreUnlimited: q.Unlimited, TrafficQuotaUnits: "GB", WANAcceleration: q.WAN,
		UsedStorageQuotaUnits: "GB", UsedTrafficQuotaUnits: "GB",
		IntervalStartTime: isoTime(start), IntervalEndTime: isoTime(start.AddDate(0, 1, 0)),
		Links: backupResourceLinks{Self: link{fmt.Sprintf("%s/backupResources/%d", tenant, item.ID)}},
	}
}
