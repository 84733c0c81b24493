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

// quotaSet are the quotas below something that a path names, written as T.
type quotaSet[T any] struct {
	surface *Surface
	shape   *shape
	of      func(*http.Request) (below record.Below, url string, err error)
	toWire  func(url string, item *record.Item[quota]) T
}

func (s *Surface) tenantQuotas() quotaSet[backupResource] {
	return quotaSet[backupResource]{s, shapeOfBackupResource, s.belowTenant, s.toWireQuota}
}

func (s *Surface) belowTenant(r *http.Request) (record.Below, string, error) {
	c, err := s.company(r)
	return record.Below{Company: c.ID}, s.base(r) + "/tenants/" + c.ID.String() + "/backupResources", err
}

// routes are all that can be done with them.
func (q quotaSet[T]) routes(list string) []api.Route {
	one := list + "/{resourceID}"
	return []api.Route{get(list, q.list), post(list, q.create), get(one, q.one), put(one, q.replace), remove(one, q.delete)}
}

func (q quotaSet[T]) list(r *http.Request) (any, error) {
	below, url, err := q.of(r)
	if err != nil {
		return nil, err
	}
	items, err := q.surface.quotas().List(r.Context(), below)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(items))
	for i := range items {
		list[i] = q.toWire(url, &items[i])
	}
	return answer{shape: q.shape, value: list}, nil
}

// named gives the quota that a path names.
func (q quotaSet[T]) named(r *http.Request) (item record.Item[quota], below record.Below, url string, err error) {
	if below, url, err = q.of(r); err != nil {
		return item, below, url, err
	}
	id, err := recordNumber(r, "resourceID", q.surface.quotas().Kind)
	if err == nil {
		item, err = q.surface.quotas().Get(r.Context(), below, id)
	}
	return item, below, url, err
}

func (q quotaSet[T]) one(r *http.Request) (any, error) {
	item, _, url, err := q.named(r)
	if err != nil {
		return nil, err
	}
	return answer{shape: q.shape, value: q.toWire(url, &item)}, nil
}

func (q quotaSet[T]) create(r *http.Request) (any, error) {
	below, url, err := q.of(r)
	if err != nil {
		return nil, err
	}
	value, err := readQuota(r, "The backup resource is not created.")
	if err != nil {
		return nil, err
	}
	item, err := q.surface.quotas().Add(by(r), below, value)
	if err != nil {
		return nil, err
	}
	return answer{shape: q.shape, value: q.toWire(url, &item), status: http.StatusCreated, location: urlOf(url, item.ID)}, nil
}

func (q quotaSet[T]) replace(r *http.Request) (any, error) {
	item, below, _, err := q.named(r)
	if err != nil {
		return nil, err
	}
	value, err := readQuota(r, "The backup resource is not replaced.")
	if err != nil {
		return nil, err
	}
	if _, err := q.surface.quotas().Change(by(r), below, item.ID, func(v *quota) error { *v = value; return nil }); err != nil {
		return nil, err
	}
	return said{http.StatusCreated, "Backup resources have been replaced."}, nil
}

func (q quotaSet[T]) delete(r *http.Request) (any, error) {
	item, below, _, err := q.named(r)
	if err != nil {
		return nil, err
	}
	if err := q.surface.quotas().Remove(by(r), below, item.ID); err != nil {
		return nil, err
	}
	return "Backup resources have been deleted.", nil
}

// urlOf is where one of a collection is.
func urlOf(url string, id int64) string { return url + "/" + strconv.FormatInt(id, 10) }

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
