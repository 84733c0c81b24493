package v2

import (
	"net/http"
	"strconv"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

func (s *Surface) listServers(r *http.Request) (any, error) {
	return s.serversWhere(r, func(*fleet.Server) bool { return true })
}

func (s *Surface) listTenantServers(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	return s.serversWhere(r, func(server *fleet.Server) bool { return !server.Shared && server.Company == c.ID })
}

func (s *Surface) serversWhere(r *http.Request, wanted func(*fleet.Server) bool) (any, error) {
	e, err := s.wholeEstate(r.Context())
	if err != nil {
		return nil, err
	}
	var there []*fleet.Server
	for i := range e.servers {
		if server := &e.servers[i]; protects(server) && wanted(server) {
			there = append(there, server)
		}
	}
	return answer{shape: shapeOfServer, value: &query.Listed[backupServer]{
		Count: len(there),
		At:    func(i int) (backupServer, error) { return s.toWireServer(r, e, there[i]) },
		Fill:  s.linking(r),
	}}, nil
}

func (s *Surface) getServer(r *http.Request) (any, error) {
	ref := api.PathID(r, "ID")
	id, err := strconv.ParseUint(ref, 10, 63)
	if err != nil {
		return nil, noServer(ref)
	}
	server, err := s.Servers.Server(r.Context(), usage.ServerID(id))
	if fault.Is(err, fault.NotFound) || err == nil && (server.RemovedAt != nil || !protects(&server)) {
		return nil, noServer(ref)
	}
	if err != nil {
		return nil, err
	}
	e, err := s.estate(r.Context())
	if err != nil {
		return nil, err
	}
	wire, err := s.toWireServer(r, e, &server)
	if err != nil {
		return nil, err
	}
	states, err := s.Inventory.Inventories(r.Context(), server.ID)
	for i := range states {
		s.linkInventory(r, &wire, &states[i])
	}
	return answer{shape: shapeOfServer, value: wire}, err
}

func noServer(ref string) error {
	return fault.New(fault.NotFound, "There is no backup server %q.", ref)
}

// protects reports whether a server is one that the wire calls a backup server: a console is none.
func protects(server *fleet.Server) bool { return server.Product != usage.ProductConsole }

// toWireServer leaves out the links to what the server has. It names the server itself where the wire asks for an agent on it: nothing of ours runs there.
func (s *Surface) toWireServer(r *http.Request, e *estate, server *fleet.Server) (backupServer, error) {
	w := backupServer{
		ID: int64(server.ID), Name: server.Name, ServerUID: uidOf(server), AgentUID: uidOf(server),
		IsCloudConnect: server.Product == usage.ProductCloudConnect,
		Links: serverLinks{
			Self:               link{s.base(r) + "/backupServers/" + server.ID.String()},
			BackupRepositories: []link{}, Jobs: []link{},
		},
	}
	if w.IsCloudConnect {
		w.SiteName = server.Name
		return w, nil
	}
	if server.Shared {
		return w, nil
	}
	c, err := s.owner(r.Context(), e, server)
	if err != nil {
		return w, err
	}
	if site := e.siteOf(c); site != nil {
		w.SiteName = site.Name
	}
	return w, nil
}
