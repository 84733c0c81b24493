package v2

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

func (s *Surface) listRepositories(r *http.Request) (any, error) {
	repositories, err := s.Inventory.Repositories(r.Context())
	if err != nil {
		return nil, err
	}
	list, err := wireList(s, r, repositories, func(v *fleet.Repository) usage.ServerID { return v.Server }, s.toWireRepository)
	return answer{shape: shapeOfRepository, value: list}, err
}

func (s *Surface) getRepository(r *http.Request) (any, error) {
	id, err := pathNumber(r, "ID", "backup repository")
	if err != nil {
		return nil, err
	}
	repository, err := s.Inventory.Repository(r.Context(), fleet.RepositoryID(id))
	at, err := s.placeNow(r, repository.Server, err, noneOf(r, "ID", "backup repository"))
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfRepository, value: s.toWireRepository(r, at, &repository)}, nil
}

func (s *Surface) listJobs(r *http.Request) (any, error) {
	jobs, err := s.Inventory.Jobs(r.Context())
	if err != nil {
		return nil, err
	}
	list, err := wireList(s, r, jobs, func(j *fleet.Job) usage.ServerID { return j.Server }, s.toWireJob)
	return answer{shape: shapeOfJob, value: list}, err
}

func (s *Surface) getJob(r *http.Request) (any, error) {
	id, err := pathNumber(r, "ID", "job")
	if err != nil {
		return nil, err
	}
	job, err := s.Inventory.Job(r.Context(), fleet.JobID(id))
	at, err := s.placeNow(r, job.Server, err, noneOf(r, "ID", "job"))
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfJob, value: s.toWireJob(r, at, &job)}, nil
}

// wireList translates what servers have, but for that of servers that were removed.
func wireList[T, W any](s *Surface, r *http.Request, things []T, server func(*T) usage.ServerID, toWire func(*http.Request, *place, *T) W) ([]W, error) {
	p, err := s.places(r)
	if err != nil {
		return nil, err
	}
	list := make([]W, 0, len(things))
	for i := range things {
		at, err := p.of(server(&things[i]))
		if err != nil {
			return nil, err
		}
		if at != nil {
			list = append(list, toWire(r, at, &things[i]))
		}
	}
	return list, nil
}

// place is what the rows of one server share.
type place struct {
	server    *fleet.Server
	company   usage.CompanyID // of a shared server the unassigned one, as on its alarms
	name      string          // the company's
	tenants   link
	locations link
}

// places finds them, each once.
type places struct {
	surface *Surface
	request *http.Request
	estate  *estate
	servers map[usage.ServerID]*fleet.Server
	known   map[usage.ServerID]*place
}

func (s *Surface) places(r *http.Request) (*places, error) {
	e, err := s.wholeEstate(r.Context())
	if err != nil {
		return nil, err
	}
	p := &places{s, r, e, make(map[usage.ServerID]*fleet.Server, len(e.servers)), make(map[usage.ServerID]*place)}
	for i := range e.servers {
		p.servers[e.servers[i].ID] = &e.servers[i]
	}
	return p, nil
}

// of gives nil for a server that was removed: what it had is not listed.
func (p *places) of(id usage.ServerID) (*place, error) {
	server := p.servers[id]
	if server == nil || p.known[id] != nil {
		return p.known[id], nil
	}
	at, err := p.surface.placeOf(p.request, p.estate, server)
	p.known[id] = at
	return at, err
}

func (s *Surface) placeOf(r *http.Request, e *estate, server *fleet.Server) (*place, error) {
	at := &place{server: server, company: usage.Unassigned}
	if !server.Shared {
		c, err := s.owner(r.Context(), e, server)
		if err != nil {
			return nil, err
		}
		at.company, at.name = c.ID, c.Name
	}
	at.tenants, at.locations = s.companyLinks(r, at.company)
	return at, nil
}

// companyLinks lead to a tenant and its location; where no tenant is meant, to all tenants.
func (s *Surface) companyLinks(r *http.Request, company usage.CompanyID) (tenants, locations link) {
	tenants = link{s.base(r) + "/tenants"}
	if company < usage.FirstCompany {
		return tenants, tenants
	}
	return link{tenants.Href + "/" + company.String()}, s.locationLink(r, company)
}

// placeNow is that of one thing, whose look-up may have failed; none is what to say where it, or its server, is not there.
func (s *Surface) placeNow(r *http.Request, id usage.ServerID, err, none error) (*place, error) {
	if fault.Is(err, fault.NotFound) {
		return nil, none
	}
	if err != nil {
		return nil, err
	}
	server, err := s.Servers.Server(r.Context(), id)
	if err == nil && server.RemovedAt != nil {
		err = none
	}
	if err != nil {
		return nil, err
	}
	return s.placeOf(r, &estate{}, &server)
}

const (
	megabyte = 1 << 20
	gigabyte = 1 << 30
)

func (s *Surface) toWireRepository(r *http.Request, at *place, v *fleet.Repository) backupRepository {
	return backupRepository{
		ID: int64(v.ID), Name: v.Name, RepositoryUID: guid(v.UID), ServerName: at.server.Name, CompanyName: stated(at.name), LocationName: locationName,
		Capacity: inUnits(v.Capacity, gigabyte), CapacityUnits: "GB", FreeSpace: inUnits(v.Free, gigabyte), FreeSpaceUnits: "GB",
		BackupSize: inUnits(v.Used, gigabyte), BackupSizeUnits: "GB",
		HealthState: wireHealth(v.Health), BackupServerID: int64(v.Server),
		IsServiceProvider: at.server.Shared || at.server.Product == usage.ProductCloudConnect,
		Links: repositoryLinks{
			Self:          s.repositoryLink(r, v.ID),
			BackupServers: link{s.base(r) + "/backupServers/" + v.Server.String()},
			Tenants:       at.tenants, Locations: at.locations,
		},
	}
}

func wireHealth(h fleet.RepositoryHealth) string {
	switch h {
	case fleet.RepositoryOK:
		return "OK"
	case fleet.RepositoryWarning:
		return "Warning"
	default:
		return "Error"
	}
}

// inUnits divides by a unit and keeps six places. The wire has a number everywhere: what is not stated is 0.
func inUnits(n *int64, unit float64) usage.Units {
	if n == nil {
		return 0
	}
	return usage.Units(math.Round(float64(*n) / unit * float64(usage.One)))
}

func (s *Surface) toWireJob(r *http.Request, at *place, j *fleet.Job) serverJob {
	w := serverJob{
		ID: int64(j.ID), Name: j.Name, Status: wireJobStatus(j), Type: wireJobType(j.Type, s.Profile),
		LastRun: timeOrNever(j.LastRun), EndTime: timeOrNever(j.EndedAt), DurationUnits: "s", AvgDurationUnits: "s",
		ProcessingRate: inUnits(j.Rate, megabyte), ProcessingRateUnits: "MB/s",
		TransferredData: inUnits(j.Transferred, gigabyte), TransferredDataUnits: "GB",
		Bottleneck: stated(j.Bottleneck), ServerName: at.server.Name, IsEnabled: j.Enabled, SchedulingType: j.Schedule,
		CompanyID: int64(at.company), LocationID: int64(at.company), Actions: []string{},
		Links: jobLinks{Self: s.jobLink(r, j.ID), Tenants: at.tenants},
	}
	if j.Duration != nil {
		w.Duration = int64(j.Duration.Round(time.Second) / time.Second)
	}
	if strings.EqualFold(j.Workload, "Vm") || strings.EqualFold(j.Workload, "CloudVm") {
		w.ProtectedVMs = j.Objects
	}
	return w
}

func timeOrNever(t *time.Time) isoTime {
	if t == nil {
		return isoTime{}
	}
	return isoTime(*t)
}

func wireJobStatus(j *fleet.Job) string {
	switch {
	case j.Running:
		return "Running"
	case j.Result == fleet.JobSuccess:
		return "Success"
	case j.Result == fleet.JobWarning:
		return "Warning"
	case j.Result == fleet.JobFailed:
		return "Failed"
	default:
		return "No Info"
	}
}

// wireJobType puts a backup server's word into the wire's list; a word without a place there stays. 3.0 has no names for
// jobs of agents: they make backups.
func wireJobType(t string, p Profile) string {
	switch t {
	case "WindowsAgentBackup", "LinuxAgentBackup", "WindowsAgentBackupFailoverCluster":
		if p == Profile60 {
			return "Agent Backup Job (Managed by Backup Server)"
		}
		return "Backup"
	case "WindowsAgentBackupWorkstationPolicy", "LinuxAgentBackupWorkstationPolicy", "WindowsAgentBackupServerPolicy", "LinuxAgentBackupServerPolicy":
		if p == Profile60 {
			return "Agent Backup Policy"
		}
		return "Backup"
	case "VSphereReplica":
		return "Replication"
	case "BackupCopy", "LegacyBackupCopy", "FileBackupCopy", "EntraIDTenantBackupCopy":
		return "Backup Copy"
	case "SureBackupContentScan":
		return "SureBackup"
	case "Backup", "VSphereBackup", "HyperVBackup", "CloudDirectorBackup", "NutanixAHVBackupJob", "ProxmoxBackupJob", "IrisBackup", "FileBackup",
		"ObjectStorageBackup", "EntraIDTenantBackup", "EntraIDAuditLogBackup", "CloudBackupAzure", "CloudBackupAWS", "CloudBackupGoogle":
		return "Backup"
	}
	return t
}

func (s *Surface) repositoryLink(r *http.Request, id fleet.RepositoryID) link {
	return link{s.base(r) + "/backupRepositories/" + strconv.FormatInt(int64(id), 10)}
}

func (s *Surface) jobLink(r *http.Request, id fleet.JobID) link {
	return link{s.base(r) + "/jobs/" + strconv.FormatInt(int64(id), 10)}
}

// linking adds the links of servers that are shown to what they have. Of more than one, what is kept of all is read, once.
func (s *Surface) linking(r *http.Request) func(shown []*backupServer) error {
	var all map[usage.ServerID]*fleet.InventoryState
	return func(shown []*backupServer) (err error) {
		some := all
		switch {
		case all != nil:
		case len(shown) == 1:
			some, err = s.inventories(r.Context(), usage.ServerID(shown[0].ID))
		default:
			all, err = s.inventories(r.Context())
			some = all
		}
		if err != nil {
			return err
		}
		for _, w := range shown {
			if state := some[usage.ServerID(w.ID)]; state != nil {
				s.linkInventory(r, w, state)
			}
		}
		return nil
	}
}

func (s *Surface) inventories(ctx context.Context, only ...usage.ServerID) (map[usage.ServerID]*fleet.InventoryState, error) {
	states, err := s.Inventory.Inventories(ctx, only...)
	by := make(map[usage.ServerID]*fleet.InventoryState, len(states))
	for i := range states {
		by[states[i].Server] = &states[i]
	}
	return by, err
}

func (s *Surface) linkInventory(r *http.Request, w *backupServer, state *fleet.InventoryState) {
	for _, id := range state.Repositories {
		w.Links.BackupRepositories = append(w.Links.BackupRepositories, s.repositoryLink(r, id))
	}
	for _, id := range state.Jobs {
		w.Links.Jobs = append(w.Links.Jobs, s.jobLink(r, id))
	}
}
