package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

// golden is the scenario behind the golden bodies: each kind of value that the wire has.
const golden = `
seed = 3
[[server]]
name = "vbr-golden"
wire = "13.1"
password = "secret"
installationId = "8f1c2a30-0000-4000-8000-000000000001"
utcOffset = "+02:00"

[server.license]
type = "Rental"
edition = "EnterprisePlus"
package = "Suite"
licensed = 100
id = "11112222-0000-4000-8000-000000000003"
supportId = "00000042"
licensedTo = "Northwind \"North\""
expires = 2027-01-31

[[server.workload]]
name = "web%02d"
count = 2
kind = "vsphere-vm"
first = 2026-09-01T20:00:00Z
retentionDays = 1

[[server.workload]]
name = "web03"
kind = "vsphere-vm"
first = 2026-10-05T20:00:00.25Z
retentionDays = 1

[[server.workload]]
name = "laptop%02d"
count = 3
kind = "windows-workstation"
first = 2026-09-03T20:00:00Z
retentionDays = 1

[[server.workload]]
name = 'nas01:\projects'
kind = "file-share"
sizeGb = 1750
first = 2026-09-04T20:00:00Z
retentionDays = 1

[[server.workload]]
name = "oracle01"
kind = "application"
first = 2026-09-05T20:00:00Z
retentionDays = 1
`

// The bodies of the three shapes, byte for byte. They were checked by hand against vbr-rest.md §1.1, §2, §3.2–§3.6
// and §4.1 when they were written.
func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	_, c := dial(t, golden, "1.3-rev2")
	for _, rev := range []string{"1.2-rev1", "1.3-rev1", "1.3-rev2"} {
		for file, path := range map[string]string{
			"license": "license", "instances": "license/instances?limit=3&skip=1", "sockets": "license/sockets", "capacity": "license/capacity",
			"serverInfo": "serverInfo", "serverTime": "serverTime", "backupObjects": "backupObjects", "restorePoints": "restorePoints?limit=4",
			"backups": "backups", "jobStates": "jobs/states", "repositories": "backupInfrastructure/repositories",
			"jobs": "jobs", "repositoryStates": "backupInfrastructure/repositories/states",
		} {
			c.rev = rev
			r := c.get(path)
			compareGolden(t, rev+"."+file, r)
			if got := r.header.Get("Content-Type"); got != typeJSON {
				t.Errorf("%s: content type %q", path, got)
			}
		}
		r := c.report(`{"reportFormat":"Json"}`)
		compareGolden(t, rev+".report", r)
		if got := r.header.Get("Content-Type"); got != typeBinary {
			t.Errorf("content type of the report %q", got)
		}
	}
}

func TestGoldenSections(t *testing.T) {
	t.Parallel()
	_, c := dial(t, `
[[server]]
name = "vbr-sections"
wire = "13.1"
password = "secret"
[server.license]
type = "Perpetual"
edition = "Enterprise"
licensed = 10
licensedTo = "Southridge"
supportId = "00000007"
expires = 2027-01-31
supportExpires = 2026-12-31
[server.license.sockets]
licensed = 6
package = "Backup"
[[server.license.sockets.host]]
name = "esx01"
sockets = 2
cores = 32
[server.license.capacity]
licensedTb = 20
[[server.workload]]
name = "db01"
kind = "vsphere-vm"
first = "-90d"
socket = true
[[server.workload]]
name = "srv01"
kind = "linux-server"
first = "-90d"
[[server.workload]]
name = "filer:/archive"
kind = "file-share"
sizeGb = 5200
first = "-90d"
capacity = true
`, "1.3-rev2")
	for _, rev := range []string{"1.2-rev1", "1.3-rev1", "1.3-rev2"} {
		c.rev = rev
		for file, path := range map[string]string{"license": "license", "sockets": "license/sockets", "capacity": "license/capacity"} {
			compareGolden(t, rev+".sections."+file, c.get(path))
		}
	}
}

func compareGolden(t *testing.T, name string, r reply) {
	t.Helper()
	if r.status != 200 || r.err != nil || !json.Valid([]byte(r.body)) {
		t.Errorf("%s: %d %v %s", name, r.status, r.err, r.body)
		return
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(r.body+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(r.body+"\n")) {
		t.Errorf("%s is\n%s\nwant\n%s", name, r.body, want)
	}
}

// What the three shapes have and have not, said once more without the golden files.
func TestShapesOfLicense(t *testing.T) {
	t.Parallel()
	_, c := dial(t, golden, "1.3-rev2")
	for rev, want := range map[string]struct{ has, hasNot []string }{
		"1.2-rev1": {
			has:    []string{`"socketLicenseSummary":null`, `"promoInstancesNumber":null`, `"supportExpirationDate":null`, `"expirationDate":"2027-01-31T02:00:00+02:00"`, `"type":"VM","count":2`},
			hasNot: []string{"platformType", "canBeRevoked", "displayName", "IsMultiSection", "Virtual Machines"},
		},
		"1.3-rev1": {
			has:    []string{`"platformType":"VMware"`, `"IsMultiSection":false`, `"type":"Virtual Machines","count":2`, `"cloudConnect":"Disabled","expirationDate"`},
			hasNot: []string{"null", "supportExpirationDate"},
		},
		"1.3-rev2": {
			has:    []string{`],"expirationDate":"2027-01-31T02:00:00+02:00"}`, `"usedInstancesNumber":6.99,"newInstancesNumber":1.0`},
			hasNot: []string{"null", `"cloudConnect":"Disabled","expirationDate"`},
		},
	} {
		c.rev = rev
		text := c.get("license").body
		for _, s := range want.has {
			if !strings.Contains(text, s) {
				t.Errorf("%s: no %s in %s", rev, s, text)
			}
		}
		for _, s := range want.hasNot {
			if strings.Contains(text, s) {
				t.Errorf("%s: %s in %s", rev, s, text)
			}
		}
	}
}

// Everything comes from scenario, seed and time: two fleets say the same, byte by byte.
func TestTwoFleetsAreEqual(t *testing.T) {
	t.Parallel()
	_, a := dial(t, golden, "1.3-rev2")
	_, b := dial(t, golden, "1.3-rev2")
	if a.token != b.token || a.server.Fingerprint != b.server.Fingerprint || a.server.InstallationID != b.server.InstallationID {
		t.Errorf("tokens %q %q, fingerprints %q %q", a.token, b.token, a.server.Fingerprint, b.server.Fingerprint)
	}
	for _, path := range []string{"license", "license/instances", "serverInfo", "serverTime", "serverCertificate", "backupObjects", "restorePoints", "backups", "jobs", "jobs/states"} {
		if x, y := a.get(path).body, b.get(path).body; x != y || x == "" {
			t.Errorf("%s differs:\n%s\n%s", path, x, y)
		}
	}
	if x, y := a.report(`{"reportFormat":"Json"}`).body, b.report(`{"reportFormat":"json"}`).body; x != y || x == "" {
		t.Errorf("report differs:\n%s\n%s", x, y)
	}
}
