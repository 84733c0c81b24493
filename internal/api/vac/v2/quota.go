package v2

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
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

var shapeOfBackupResource = query.ShapeOf[backupResource]()

func (s *Surface) quotas() record.Book[quota] {
	return record.Book[quota]{Kind: "backup resource", Store: s.Records, Now: s.Now}
}

// quotaSet are the quotas below something that a path names, written as W.
func quotaSet[W any](s *Surface, shape *query.Shape, of func(*http.Request) (record.Below, string, error), toWire func(url string, item *record.Item[quota]) W) recordSet[quota, W] {
	return recordSet[quota, W]{
		book: s.quotas(), shape: shape, id: "resourceID", of: of, read: (*body).quota,
		toWire:   func(_ *http.Request, url string, item *record.Item[quota]) (W, error) { return toWire(url, item), nil },
		replaced: "Backup resources have been replaced.", deleted: "Backup resources have been deleted.",
	}
}

func (s *Surface) tenantQuotas() recordSet[quota, backupResource] {
	return quotaSet(s, shapeOfBackupResource, s.belowTenant, s.toWireQuota)
}

func (s *Surface) belowTenant(r *http.Request) (record.Below, string, error) {
	c, err := s.company(r)
	return record.Below{Company: c.ID}, s.base(r) + "/tenants/" + c.ID.String() + "/backupResources", err
}

// quota reads what POST and PUT give (rest-v2.md §3.1.1), and what GET gives where it is put back.
func (b *body) quota(*http.Request) (q quota) {
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
	units := "GB"
	if b.text("storageQuotaUnits", &units); !strings.EqualFold(units, "GB") {
		b.fail("storageQuotaUnits", "is GB")
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
	return q
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
	b.take(name, aGUID, func(value string, quoted bool) bool {
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
func (s *Surface) toWireQuota(url string, item *record.Item[quota]) backupResource {
	q, now := &item.Value, s.Now().UTC()
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return backupResource{
		ID: item.ID, CloudRepositoryName: q.Name, ProviderRepositoryUID: cmp.Or(q.Repository, zeroUID),
		StorageQuota: int64(q.StorageGB), StorageQuotaUnits: "GB", VMsQuota: int64(q.VMs), ServersQuota: int64(q.Servers),
		WorkstationsQuota: int64(q.Workstations), QuotasAreUnlimited: q.Unlimited, TrafficQuotaUnits: "GB", WANAcceleration: q.WAN,
		UsedStorageQuotaUnits: "GB", UsedTrafficQuotaUnits: "GB",
		IntervalStartTime: isoTime(start), IntervalEndTime: isoTime(start.AddDate(0, 1, 0)),
		Links: backupResourceLinks{Self: link{urlOf(url, item.ID)}},
	}
}
