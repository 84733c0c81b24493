package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// exportMax is by how much more the process may ever hold for it, in megabytes: a hundredth of what is sent.
const exportMax = 20.0

// lines counts those that are written to it, and their bytes.
type lines struct{ count, size int64 }

func (l *lines) Write(p []byte) (int, error) {
	l.count += int64(bytes.Count(p, []byte("\n")))
	l.size += int64(len(p))
	return len(p), nil
}

// export reads every workload of every company over our own API, one a line.
func (b *bench) export(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.get(ctx, tenantsPath); err != nil { // what is counted is kept from here on
		return nil, err
	}
	all := int64(b.fleet.set.Servers) * int64(b.fleet.set.Workloads)
	_, before := memoryMB(c.pid())
	begin := time.Now()
	var got lines
	if _, err := c.read(ctx, "/api/v1/workloads", "application/x-ndjson", &got); err != nil {
		return nil, err
	}
	took := time.Since(begin)
	if got.count != all {
		return nil, fmt.Errorf("%d of %d workloads came", got.count, all)
	}
	_, after := memoryMB(c.pid())
	return []row{{
		what:   count(float64(all)) + " workloads as NDJSON, Fleet",
		figure: fmt.Sprintf("%.1f s, %.0f MB sent (peak memory %+.0f MB)", took.Seconds(), float64(got.size)/1e6, after-before),
		bar:    fmt.Sprintf("peak ≤ +%.0f MB", exportMax), holds: holds(after-before <= exportMax),
	}}, nil
}
