package sim

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkReading is one full reading of a server with 50 workloads, as a collector takes it: client and TLS included.
func BenchmarkReading(b *testing.B) {
	f, c := dial(b, minimal+"[[server.workload]]\nname='web%03d'\ncount=50\nkind='vsphere-vm'\nfirst='-200d'\n", "1.3-rev1")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Clock().Set(noon.Add(time.Duration(i) * time.Minute))
		after := f.Clock().Now().Add(-31 * day).Format(time.RFC3339)
		c.login()
		c.get("serverInfo")
		c.get("serverTime")
		c.get("license")
		c.report(`{"reportFormat":"Json"}`)
		c.get("license/instances?skip=0&limit=500&orderColumn=InstanceId")
		c.get("backupObjects?skip=0&limit=500&orderColumn=Name")
		for skip := 0; skip < 1000; skip += 500 {
			c.get(fmt.Sprintf("restorePoints?skip=%d&limit=500&orderColumn=CreationTime&createdAfterFilter=%s", skip, after))
		}
	}
}
