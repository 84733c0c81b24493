package vbr

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
)

func TestAgentKindOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ jobType, workload, want text }{
		{"WindowsAgentBackup", "Server", serverAgent},
		{"backup", "workstation", workstation}, // 1.2 writes small letters, and one type for all
		{"WindowsAgentBackupServerPolicy", "Workstation", workstation},
		{"LinuxAgentBackupWorkstationPolicy", "", workstation},
		{"LinuxAgentBackupServerPolicy", "", serverAgent},
		{"WindowsAgentBackupFailoverCluster", "Vm", serverAgent},
		{"WindowsAgentBackup", "", ""}, // inferring from what jobs of this type usually protect would be a guess
		{"VSphereBackup", "Vm", ""},
		{"SqlServerBackup", "", ""}, // a server of another sort
		{"BackupCopy", "Server", ""},
		{"", "", ""},
	} {
		if got := agentKindOf(c.jobType, c.workload); got != string(c.want) {
			t.Errorf("%s of %s: %q, want %q", c.jobType, c.workload, got, c.want)
		}
	}
}

func TestKindsByTypeAsksOnlyForWhatIsOpen(t *testing.T) {
	t.Parallel()
	wanted := map[string]bool{"b1": true, "b2": true, "b3": true, "b4": true, "gone": true}
	kinds, open := kindsByType([]backupRow{
		{ID: "B1", JobID: "J1", JobType: "WindowsAgentBackupWorkstationPolicy"},
		{ID: "b2", JobID: "J2", JobType: "WindowsAgentBackup"},
		{ID: "b3", JobID: "J3", JobType: "BackupCopy"},
		{ID: "b4"}, // of a job that is gone
		{ID: "b5", JobID: "J5"},
	}, wanted)
	if want := map[string][]string{"j2": {"b2"}}; !maps.EqualFunc(open, want, slices.Equal) {
		t.Errorf("open %v", open)
	}
	settleKinds(kinds, open, []jobRow{{ID: "j2", Workload: "Server"}, {ID: "j5", Workload: "Workstation"}})
	if want := map[string]string{"b1": workstation, "b2": serverAgent, "b3": "", "b4": "", "gone": ""}; !maps.Equal(kinds, want) {
		t.Errorf("kinds %v", kinds)
	}
}

// agentStub is a server with one new agent that has restore points in the backups named.
func agentStub(t *testing.T, backups ...string) *stub {
	t.Helper()
	s := newStub(t)
	s.text("GET "+pathBackupObjects, `{"data":[{"id":"o-1","name":"pc","platformName":"WindowsPhysical","type":"Computer","restorePointsCount":2}],"pagination":{"total":1}}`)
	points := make([]string, len(backups))
	for i, b := range backups {
		points[i] = fmt.Sprintf(`{"id":"%d","name":"pc","creationTime":"2026-10-0%dT00:00:00Z","backupId":%q}`, i, i+2, b)
	}
	s.text("GET "+pathRestorePoints, fmt.Sprintf(`{"data":[%s],"pagination":{"total":%d}}`, strings.Join(points, ","), len(points)))
	s.text("GET "+pathBackups, `{"data":[{"id":"B-1","jobId":"J-1","jobType":"WindowsAgentBackup"},{"id":"B-2","jobId":"J-2","jobType":"WindowsAgentBackup"},`+
		`{"id":"B-3","jobId":"J-3","jobType":"BackupCopy"},{"id":"B-4","jobId":null,"jobType":null}],"pagination":{"total":4}}`)
	s.text("GET "+pathJobStates, `{"data":[{"id":"j-1","type":"Backup","workload":"Workstation"},{"id":"j-2","type":"Backup","workload":"Server"},`+
		`{"id":"j-3","type":"BackupCopy","workload":"Server"}],"pagination":{"total":3}}`)
	return s
}

func isPC(w usage.Workload) bool { return w.Name == "pc" }

func TestKindOfNewAgentByItsBackups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, backups, want string
		assumed             bool
		jobs                int // requests for the states of jobs
	}{
		{"workstation", "b-1", workstation, false, 1},
		{"server", "b-2", serverAgent, false, 1},
		{"workstation and its copy", "b-3 b-1", workstation, false, 1},
		{"copy alone", "b-3", serverAgent, true, 0},
		{"both say otherwise", "b-1 b-2", serverAgent, true, 1},
		{"without a job", "b-4", serverAgent, true, 0},
		{"of no backup in the list", "b-5", serverAgent, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := agentStub(t, strings.Fields(c.backups)...)
			for range 2 { // the second reading remembers
				snapshot := s.good()
				if w := snapshot.Workloads[slices.IndexFunc(snapshot.Workloads, isPC)]; w.Type != c.want || noted(snapshot, "agent-kind-assumed") != c.assumed {
					t.Errorf("%s, notes %v", w.Type, snapshot.Notes)
				}
			}
			if b, j := s.count("GET "+pathBackups), s.count("GET "+pathJobStates); b != 1 || j != c.jobs {
				t.Errorf("%d requests for backups, %d for jobs", b, j)
			}
		})
	}
}

// TestPagesOfJobs: both lists are read to their end.
func TestPagesOfJobs(t *testing.T) {
	t.Parallel()
	s := agentStub(t, "b-9")
	s.collector.limits.PageRows = 1
	paged := func(path string, rows ...string) {
		s.on("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			n := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("skip"), &n)
			_, _ = fmt.Fprintf(w, `{"data":[%s],"pagination":{"total":%d}}`, rows[min(n, len(rows)-1)], len(rows))
		})
	}
	paged(pathBackups, `{"id":"b-1","jobId":"j-1"}`, `{"id":"b-9","jobId":"j-9"}`)
	paged(pathJobStates, `{"id":"j-1","workload":"Server"}`, `{"id":"j-5","workload":"Server"}`, `{"id":"j-9","workload":"Workstation"}`)
	snapshot := s.good()
	if w := snapshot.Workloads[slices.IndexFunc(snapshot.Workloads, isPC)]; w.Type != workstation {
		t.Errorf("%s, notes %v", w.Type, snapshot.Notes)
	}
	if b, j := s.count("GET "+pathBackups), s.count("GET "+pathJobStates); b != 2 || j != 3 {
		t.Errorf("%d requests for backups, %d for jobs", b, j)
	}
}
