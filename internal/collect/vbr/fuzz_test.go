package vbr

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Whatever a server or a file holds, the parsers end, do not panic, and what they accept is a valid snapshot.

func FuzzLicense(f *testing.F) {
	f.Add([]byte(license12Body))
	f.Add([]byte(`{"status":"Valid","type":null,"instanceLicenseSummary":{"workload":[{}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := FromLicenseBody(body, meta)
		checkAccepted(t, &s, err)
		if _, err := readLicense13r2(body); err == nil {
			_, _ = readLicense12(body)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(reportText))
	f.Add([]byte(`{"products":{"data":{"instances":[{"counters":{"counterType":1}}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := FromReport(body, meta)
		for i := range list {
			checkAccepted(t, &list[i], err)
		}
		_ = Recognise(body)
		_ = kindOfText(body)
	})
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"data":[{"name":"a","instanceId":"x","type":"VM","usedInstancesNumber":"1"}],"pagination":{"total":1}}`),
		[]byte(`{"data":[{"id":"x","name":"a","platformName":"VMware","restorePointsCount":3}],"pagination":{"total":1}}`),
		[]byte(`{"data":[{"creationTime":"2026-10-02T20:00:00.1234567+02:00"},{"creationTime":"2026-10-01T00:30:20"}],"pagination":{"total":1}}`))
	types := newTypeTable(TypeRules{})
	f.Fuzz(func(t *testing.T, rows, objects, points []byte) {
		var p page[instanceRow]
		var o page[objectRow]
		var r page[pointRow]
		if decodeJSON(rows, &p) != nil || p.Data == nil || decodeJSON(objects, &o) != nil || o.Data == nil {
			return
		}
		m := meta.material()
		m.license.Type, m.addsNew = "Rental", true
		m.rows, m.objects, m.spans = *p.Data, *o.Data, map[string]span{}
		if decodeJSON(points, &r) == nil && r.Data != nil {
			for _, row := range *r.Data {
				if at := row.CreationTime.in(time.UTC); at != nil {
					for i := range m.objects {
						m.spans[string(m.objects[i].ID)] = span{*at, *at}
					}
				}
			}
		}
		_ = m.wantedObjects()
		s, failure := m.snapshot(&types)
		if failure == nil {
			checkAccepted(t, &s, nil)
		}
	})
}

func FuzzAgentKinds(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"B-1","jobId":"J-1","jobType":"WindowsAgentBackup"},{"id":"b-2","jobId":null}],"pagination":{"total":2}}`),
		[]byte(`{"data":[{"id":"j-1","type":"backup","workload":"workstation"}],"pagination":{"total":1}}`))
	f.Fuzz(func(t *testing.T, backups, jobs []byte) {
		var b page[backupRow]
		var j page[jobRow]
		if decodeJSON(backups, &b) != nil || b.Data == nil || decodeJSON(jobs, &j) != nil || j.Data == nil {
			return
		}
		wanted := map[string]bool{"b-1": true, "b-2": true}
		kinds, open := kindsByType(*b.Data, wanted)
		settleKinds(kinds, open, *j.Data)
		if len(kinds) != len(wanted) {
			t.Errorf("%d kinds of %d backups", len(kinds), len(wanted))
		}
		for id, kind := range kinds {
			if !wanted[id] || kind != "" && kind != workstation && kind != serverAgent {
				t.Errorf("%s is %q", id, kind)
			}
		}
	})
}

func FuzzErrorObject(f *testing.F) {
	f.Add([]byte(`{"errorCode":"NotImplemented","message":"The specified API version is not supported.","resourceId":null}`))
	f.Add([]byte("Unsupported RESTAPI version."))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := answer{status: 400, body: body}
		_, _ = a.notImplemented(), a.fault()
		if n := len(a.says()); n > 2000 {
			t.Errorf("%d bytes of the server's words", n)
		}
		_ = a.cause().Error()
	})
}

func checkAccepted(t *testing.T, s *usage.Snapshot, err error) {
	t.Helper()
	if err != nil {
		return
	}
	again, err := usage.ParseSnapshot(s.Canonical())
	if err != nil {
		t.Fatalf("an accepted snapshot does not come back: %v\n%s", err, s.Canonical())
	}
	if err := again.Normalize(false); err != nil || again.Digest() != s.Digest() {
		t.Fatalf("it comes back otherwise: %v\n%s\n%s", err, s.Canonical(), again.Canonical())
	}
}
