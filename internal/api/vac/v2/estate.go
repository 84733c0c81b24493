package v2

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/record"
)

// estate is the servers, and for a list the companies, as one request sees them.
type estate struct {
	servers   []fleet.Server
	companies map[usage.CompanyID]*fleet.Company // nil: asked for one by one

	sites  []fleet.Server // the shared Cloud Connect servers; nil: they were not read
	owned  map[owned]bool // nil: the servers were not read
	shared map[usage.Product]bool

	belongings func() (belongings, error) // read when the first tenant is shown
}

// belongings are the numbers of what lies below tenants.
type belongings struct{ quotas, users map[usage.CompanyID][]int64 }

// belongings gives a function that reads them once.
func (s *Surface) belongings(ctx context.Context, of record.Below) func() (belongings, error) {
	return sync.OnceValues(func() (belongings, error) {
		b := belongings{make(map[usage.CompanyID][]int64), make(map[usage.CompanyID][]int64)}
		quotas, err := s.quotas().List(ctx, of)
		if err != nil {
			return b, err
		}
		for i := range quotas {
			b.quotas[quotas[i].Company] = append(b.quotas[quotas[i].Company], quotas[i].ID)
		}
		users, err := s.Users.Users(ctx)
		for i := range users {
			b.users[users[i].Company] = append(b.users[users[i].Company], int64(users[i].ID))
		}
		return b, err
	})
}

// owned is a company that has a server of a product.
type owned struct {
	company usage.CompanyID
	product usage.Product
}

func (s *Surface) estate(ctx context.Context) (*estate, error) {
	servers, err := s.Servers.Servers(ctx)
	e := &estate{servers: servers, sites: []fleet.Server{}, owned: make(map[owned]bool), shared: make(map[usage.Product]bool)}
	for i := range servers {
		server := &servers[i]
		if !server.Shared {
			e.owned[owned{server.Company, server.Product}] = true
			continue
		}
		e.shared[server.Product] = true
		if server.Product == usage.ProductCloudConnect {
			e.sites = append(e.sites, *server)
		}
	}
	return e, err
}

// wholeEstate reads the companies at once, too: a list of servers names one each.
func (s *Surface) wholeEstate(ctx context.Context) (*estate, error) {
	e, err := s.estate(ctx)
	if err != nil {
		return nil, err
	}
	companies, err := s.Companies.Companies(ctx)
	if err != nil {
		return nil, err
	}
	e.companies = make(map[usage.CompanyID]*fleet.Company, len(companies))
	for i := range companies {
		e.companies[companies[i].ID] = &companies[i]
	}
	return e, nil
}

// everybody is all companies, and the one of the workloads that belong to none.
func (e *estate) everybody() []usage.CompanyID {
	return append(slices.Collect(maps.Keys(e.companies)), usage.Unassigned)
}

// owner gives the company of a server that is not shared.
func (s *Surface) owner(ctx context.Context, e *estate, server *fleet.Server) (*fleet.Company, error) {
	if c := e.companies[server.Company]; c != nil {
		return c, nil
	}
	c, err := s.Companies.Company(ctx, server.Company)
	return &c, err
}

// siteOf gives the Cloud Connect server on which the company is a tenant: the wire calls it the site.
func (e *estate) siteOf(c *fleet.Company) *fleet.Server {
	for _, t := range c.Tenants {
		for i := range e.sites {
			if t.Server == 0 || t.Server == e.sites[i].ID {
				return &e.sites[i]
			}
		}
	}
	return nil
}

// has reports whether workloads of this product can belong to the company at all; it spares counting what is surely
// nothing. Where servers were not read, they can.
func (e *estate) has(company usage.CompanyID, p usage.Product) bool {
	return e.owned == nil || e.shared[p] || e.owned[owned{company, p}]
}

// uidOf gives the GUID by which servers and their licenses are joined.
func uidOf(server *fleet.Server) guid {
	if server.InstallationID == "" {
		return zeroUID
	}
	return guid(server.InstallationID)
}

// workloadCounts are numbers of workloads, by the kinds that the wire tells apart (rest-v2.md §3.1, §3.3.3).
type workloadCounts struct {
	virtual                                      int64 // on backup servers
	replicas, cloud, cloudServers, cloudStations int64 // on Cloud Connect servers
	servers, workstations                        int64 // managed by a console
}

// countsOf adds up the rows of the usage resources, so that the two cannot disagree (C29).
func (s *Surface) countsOf(ctx context.Context, e *estate, companies ...usage.CompanyID) (c workloadCounts, err error) {
	for _, company := range companies {
		for _, product := range usage.Products() {
			if !e.has(company, product) {
				continue
			}
			tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: product})
			if err != nil {
				return c, err
			}
			for i := range tally.Rows {
				c.add(&tally.Rows[i])
			}
		}
	}
	return c, nil
}

func (c *workloadCounts) add(row *metering.Row) {
	n := row.Rental.Count + row.New.Count + row.Used.Count
	switch {
	case row.Type == "CC_VM_Replica":
		c.replicas += n
	case row.Type == "CC_VM_Backup":
		c.cloud += n
	case row.Type == "CC_Server_Backup":
		c.cloudServers += n
	case row.Type == "CC_Workstation_Backup":
		c.cloudStations += n
	case row.Type == "VAC_Server_Agent":
		c.servers += n
	case row.Type == "VAC_Workstation_Agent":
		c.workstations += n
	case virtual(row.Type):
		c.virtual += n
	}
}

// virtual reports whether a type is a virtual machine that a backup server protects.
func virtual(id string) bool { return strings.HasPrefix(id, "VBR_") && strings.HasSuffix(id, "_VM") }
