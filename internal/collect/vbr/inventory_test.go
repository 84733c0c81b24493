package vbr

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/fleet"
)

func ref[T any](v T) *T { return &v }

const (
	stubRepositories = `{"data":[
{"type":"WinLocal","id":"d4b5e196-f3ad-474c-99bc-dfef051dae07","name":"Backup Repository 1","hostName":"e3","path":"C:\\B","capacityGB":299.4,"freeGB":217.8,"usedSpaceGB":173.4,"isOnline":true},
{"type":"LinuxLocal","id":"88788f9e-d8f5-4eb4-bc4f-9b3f5403bcec","name":"Far","capacityGB":1,"freeGB":0,"usedSpaceGB":"0.5","isOnline":false,"isOutOfDate":true},
{"type":"AmazonS3","id":"49607f55-4cc4-4ea5-a2c9-e750318d0f34","name":"S3","capacityGB":-1,"freeGB":null,"usedSpaceGB":2,"isOnline":true,"isOutOfDate":true}
],"pagination":{"total":3,"count":3,"skip":0,"limit":200}}`
	stubJobStates = `{"data":[
{"type":"VSphereBackup","status":"Stopped","lastResult":"Warning","workload":"Vm","id":"e35ef047-8cfa-4c3e-979e-de2e5399142f","name":"Nightly","lastRun":"2026-10-13T22:00:00.5+02:00","nextRun":null,"objectsCount":12,
 "sessionProgress":{"bottleneck":"Proxy","duration":"00:26:04","processingRate":"18.3 MB/s","processedSize":17179869184,"readSize":8074035200,"transferredSize":3882512848,"progressPercent":100}},
{"type":"BackupCopy","status":"Running","lastResult":"None","workload":"Vm","id":"301450bc-34cd-4d2c-bfc3-8d269bb471be","name":"Copy","lastRun":"2026-10-14T01:00:00","objectsCount":1,
 "sessionProgress":{"bottleneck":"NotDefined","duration":"00:03:37","processingRate":"N/A","transferredSize":0}},
{"type":"Backup","status":"disabled","lastResult":"None","workload":"vm","id":"53b87378-7958-477d-8def-fbe6740d4b6f","name":"Old","lastRun":null,"objectsCount":1,"sessionProgress":null},
{"type":"Later","status":"Inactive","lastResult":"Failed","id":"75fc491a-d158-4380-a433-ebc42a28e4df","name":"Unheard of","lastRun":"0001-01-01T00:00:00"}
],"pagination":{"total":4,"count":4,"skip":0,"limit":200}}`
	stubJobs = `{"data":[
{"type":"VSphereBackup","id":"e35ef047-8cfa-4c3e-979e-de2e5399142f","name":"Nightly","isDisabled":false,"schedule":{"runAutomatically":true,"daily":{"isEnabled":true},"periodically":{"isEnabled":false}},"storage":{"secret":"x"}},
{"type":"BackupCopy","id":"301450bc-34cd-4d2c-bfc3-8d269bb471be","name":"Copy","isDisabled":true,"schedule":{"type":"Continuous"}},
{"type":"Backup","id":"53b87378-7958-477d-8def-fbe6740d4b6f","name":"Old","isDisabled":true,"schedule":null},
{"type":"Later","id":"75fc491a-d158-4380-a433-ebc42a28e4df","name":"Unheard of","schedule":{"runAutomatically":true,"afterThisJob":{"isEnabled":true}}}
],"pagination":{"total":4,"count":4,"skip":0,"limit":200}}`
)

func gb(f float64) *int64 { return ref(int64(math.Round(f * bytesPerGB))) }

func stubWithInventory(t *testing.T) *stub {
	t.Helper()
	s := newStub(t)
	s.text("GET "+pathRepositories, stubRepositories)
	s.text("GET "+pathJobStates, stubJobStates)
	s.text("GET "+pathJobs, stubJobs)
	return s
}

func (s *stub) inventory() fleet.Inventory {
	s.t.Helper()
	i, err := s.collector.Inventory(s.t.Context(), s.target)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

// The rows are those of the documents' examples, and what servers may make of them.
func TestInventory(t *testing.T) {
	t.Parallel()
	s := stubWithInventory(t)
	s.good() // which tells the server's zone, two hours ahead
	began := time.Date(2026, 10, 13, 20, 0, 0, 500_000_000, time.UTC)
	want := fleet.Inventory{
		Server: 1, At: stubNow,
		Repositories: []fleet.Repository{
			{UID: "d4b5e196-f3ad-474c-99bc-dfef051dae07", Name: "Backup Repository 1", Health: fleet.RepositoryOK, Capacity: gb(299.4), Free: gb(217.8), Used: gb(173.4)},
			{UID: "88788f9e-d8f5-4eb4-bc4f-9b3f5403bcec", Name: "Far", Health: fleet.RepositoryError, Capacity: gb(1), Free: gb(0), Used: gb(0.5)},
			{UID: "49607f55-4cc4-4ea5-a2c9-e750318d0f34", Name: "S3", Health: fleet.RepositoryWarning, Used: gb(2)},
		},
		Jobs: []fleet.Job{
			{
				UID: "e35ef047-8cfa-4c3e-979e-de2e5399142f", Name: "Nightly", Type: "VSphereBackup", Workload: "Vm", Schedule: "Daily", Enabled: true,
				Result: fleet.JobWarning, LastRun: &began, EndedAt: ref(began.Add(26*time.Minute + 4*time.Second)), Objects: 12,
				Duration: ref(26*time.Minute + 4*time.Second), Rate: ref(int64(19188941)), Transferred: ref(int64(3882512848)), Bottleneck: "Proxy",
			},
			{
				UID: "301450bc-34cd-4d2c-bfc3-8d269bb471be", Name: "Copy", Type: "BackupCopy", Workload: "Vm", Running: true,
				LastRun: ref(time.Date(2026, 10, 13, 23, 0, 0, 0, time.UTC)), Objects: 1, Duration: ref(3*time.Minute + 37*time.Second), Transferred: ref(int64(0)),
			},
			{UID: "53b87378-7958-477d-8def-fbe6740d4b6f", Name: "Old", Type: "Backup", Workload: "vm", Objects: 1},
			{UID: "75fc491a-d158-4380-a433-ebc42a28e4df", Name: "Unheard of", Type: "Later", Schedule: "AfterThisJob", Enabled: true, Result: fleet.JobFailed},
		},
	}
	if d := cmp.Diff(want, s.inventory()); d != "" {
		t.Error(d)
	}
	if n := s.count("POST " + pathToken); n != 1 {
		t.Errorf("%d log-ins for a reading and its inventory", n)
	}
}

// Each list stands for itself: what cannot be read is not in the inventory, which says why, and nothing else is lost.
func TestInventoryInParts(t *testing.T) {
	t.Parallel()
	const denied = `{"errorCode":"AccessDenied","message":"no"}`
	tooMany := strings.Builder{}
	for i := range inventoryRowsMax + 1 {
		fmt.Fprintf(&tooMany, `,{"id":"%d","name":"n"}`, i)
	}
	for name, c := range map[string]struct {
		path, body         string
		status             int
		repositories, jobs bool
		words              string
	}{
		"repositories denied":      {pathRepositories, denied, 403, false, true, "does not let this account read the states of its repositories"},
		"repositories not there":   {pathRepositories, "", 404, false, true, "HTTP 404"},
		"repositories are no list": {pathRepositories, `{"data":7}`, 200, false, true, "repositories"},
		"repositories cut off":     {pathRepositories, stubRepositories[:60], 200, false, true, "cut off"},
		"too many of them":         {pathRepositories, `{"data":[` + tooMany.String()[1:] + `],"pagination":{"total":10001}}`, 200, false, true, "more than 10000 rows"},
		"a job of a new type":      {pathJobStates, `{"errorCode":"UnknownError","message":"Unknown job type"}`, 500, true, false, "Unknown job type"},
		"no states of jobs":        {pathJobStates, `<html>`, 200, true, false, "web page"},
		"no settings of jobs":      {pathJobs, denied, 403, true, true, "read its jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stubWithInventory(t)
			s.status("GET "+c.path, c.status, c.body)
			i := s.inventory()
			if (i.Repositories != nil) != c.repositories || (i.Jobs != nil) != c.jobs || !strings.Contains(i.Failed, c.words) {
				t.Errorf("%d repositories, %d jobs, %q", len(i.Repositories), len(i.Jobs), i.Failed)
			}
			if c.path == pathJobs && (i.Jobs[0].Name != "Nightly" || i.Jobs[0].Schedule != "" || !i.Jobs[0].Enabled) {
				t.Errorf("%+v", i.Jobs[0])
			}
		})
	}
}

// A server that answers slowly costs the inventory's own time, and what was read before stays.
func TestInventoryRunsOutOfTime(t *testing.T) {
	t.Parallel()
	s := stubWithInventory(t)
	s.collector.limits.Inventory = 200 * time.Millisecond
	s.on("GET "+pathJobStates, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	i := s.inventory()
	if len(i.Repositories) != 3 || i.Jobs != nil || !strings.Contains(i.Failed, "does not answer") {
		t.Errorf("%d repositories, %v, %q", len(i.Repositories), i.Jobs, i.Failed)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	for text, want := range map[text]*int64{
		"18.3 MB/s": ref(int64(math.Round(18.3 * mb))), "131,9 MB": ref(int64(math.Round(131.9 * mb))), "79 MB": ref(int64(79 * mb)),
		"0 KB/s": ref(int64(0)), "2 GB/s": ref(int64(2 << 30)), "5 B/s": ref(int64(5)), "1 TB": ref(int64(1 << 40)),
		"N/A": nil, "": nil, "1,234 KB": nil, "1.234.567 B": nil, "12": nil, "12 ": nil, "-1 MB": nil, "NaN MB": nil, "3 PB": nil, "1e300 GB": nil,
	} {
		if d := cmp.Diff(want, rate(text)); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for text, want := range map[text]*time.Duration{
		"00:26:04": ref(26*time.Minute + 4*time.Second), "1.02:03:04.5000000": ref(26*time.Hour + 3*time.Minute + 4*time.Second + 500*time.Millisecond),
		"00:00:00": ref(time.Duration(0)), "26:04": nil, "": nil, "a:b:c": nil, "-1:00:00": nil, "999999.00:00:00": nil, "NaN:00:00": nil,
	} {
		if d := cmp.Diff(want, span60(text)); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	on := func(kind string) string { return `{"runAutomatically":true,"` + kind + `":{"isEnabled":true}}` }
	for body, want := range map[string]string{
		on("daily"): "Daily", on("monthly"): "Monthly", on("periodically"): "Periodically", on("continuously"): "Continuously", on("afterThisJob"): "AfterThisJob",
		`{"runAutomatically":false,"daily":{"isEnabled":true}}`: "", `{}`: "", `null`: "", ``: "", `"x"`: "", `{"daily":7}`: "",
	} {
		if got := scheduleOf(&jobSettings{Schedule: json.RawMessage(body)}); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
