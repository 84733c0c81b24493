package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// estate is a watched ledger of many companies with one server each.
type estate struct {
	b *testing.B
	*ledger.Ledger
	companies []usage.CompanyID
	servers   []usage.ServerID
}

const machinesEach = 50

func newEstate(b *testing.B, n int) *estate {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "t.db"))
	if err != nil {
		b.Fatal(err)
	}
	e := &estate{b: b, Ledger: &ledger.Ledger{Store: s, Now: time.Now}}
	uid := 0
	d := &fleet.Directory{Companies: s, Servers: s, Policy: s, Now: time.Now, NewUID: func() string { uid++; return fmt.Sprint(uid) }}
	for i := range n {
		company, err := d.AddCompany(b.Context(), fleet.NewCompany{Name: fmt.Sprint("company ", i)})
		if err != nil {
			b.Fatal(err)
		}
		server, err := d.AddServer(b.Context(), fleet.NewServer{Name: fmt.Sprint("server ", i), Company: company.ID, InstallationID: fmt.Sprint(i)})
		if err != nil {
			b.Fatal(err)
		}
		e.companies, e.servers = append(e.companies, company.ID), append(e.servers, server.ID)
		e.append(i)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	seen := make(chan struct{}, 1)
	wg.Go(func() {
		e.Watch(ctx, slog.New(slog.DiscardHandler), func() {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
	})
	<-seen
	b.Cleanup(func() {
		stop()
		wg.Wait()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return e
}

// append appends a reading of one server.
func (e *estate) append(i int) {
	now := time.Now()
	s := usage.Snapshot{
		TakenAt: now, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: fmt.Sprint(i), Name: "VBR01"},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances},
	}
	first := now.AddDate(0, -3, 0)
	for m := range machinesEach {
		s.Workloads = append(s.Workloads, usage.Workload{
			ID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", m), Name: fmt.Sprintf("web%04d.customer.example", m), Type: "VBR_vSphere_VM", FirstProtectedAt: &first,
		})
	}
	if _, err := e.AppendSnapshot(e.b.Context(), e.servers[i], false, s); err != nil {
		e.b.Error(err)
	}
}

func (e *estate) ask(i int) {
	t, err := e.Usage(e.b.Context(), ledger.Query{Company: e.companies[i], Product: usage.ProductVBR})
	if err != nil || t.Rows[0].Used.Count != machinesEach {
		e.b.Error(t, err)
	}
}

// BenchmarkUsageNowKept is an answer that is kept, asked for from all sides.
func BenchmarkUsageNowKept(b *testing.B) {
	e := newEstate(b, 100)
	for i := range e.companies {
		e.ask(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(1, 2))
		for pb.Next() {
			e.ask(r.IntN(len(e.companies)))
		}
	})
}

// BenchmarkUsageNowWhileAppending asks for 1,000 companies while 100 readings a second come in.
func BenchmarkUsageNowWhileAppending(b *testing.B) {
	e := newEstate(b, 1000)
	for i := range e.companies {
		e.ask(i)
	}
	var appended atomic.Int64
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				e.append(rand.IntN(len(e.servers)))
				appended.Add(1)
			}
		}
	})
	var slowest atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 2))
		for pb.Next() {
			begin := time.Now()
			e.ask(r.IntN(len(e.companies)))
			for took := int64(time.Since(begin)); ; {
				if old := slowest.Load(); took <= old || slowest.CompareAndSwap(old, took) {
					break
				}
			}
		}
	})
	b.StopTimer()
	stop()
	wg.Wait()
	b.ReportMetric(float64(appended.Load())/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
}

// BenchmarkKeptAnswer reports what a kept answer takes of memory.
func BenchmarkKeptAnswer(b *testing.B) {
	e := newEstate(b, 1000)
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	perAnswer := 0.0
	for b.Loop() {
		e.Drop()
		for i := range e.companies { // what the store keeps for itself is there already
			e.ask(i)
		}
		kept := used()
		e.Drop()
		perAnswer = (float64(kept) - float64(used())) / float64(len(e.companies))
	}
	b.ReportMetric(perAnswer, "bytes/answer")
}

// BenchmarkReconcile asks of one server of 1,000 workloads, read daily for two years with all dates of last protection
// moved, in which its counters agree, or part from the first day: of a month, of all of it, and for how long they parted.
func BenchmarkReconcile(b *testing.B) {
	for name, off := range map[string]int64{"agrees": 0, "parts": 1} {
		l, company, server, now := reconciledYears(b, off)
		span := ledger.Span{Company: company, Product: usage.ProductVBR, To: now}
		for period, from := range map[string]time.Time{"a month": now.AddDate(0, -1, 0), "two years": now.AddDate(-3, 0, 0)} {
			b.Run(name+"/"+period, func(b *testing.B) {
				for b.Loop() {
					span.From = from
					if got, err := l.Reconcile(b.Context(), span); err != nil || len(got) != int(off) {
						b.Fatal(got, err)
					}
				}
			})
		}
		b.Run(name+"/longer than a day", func(b *testing.B) {
			for b.Loop() {
				if got, err := l.Parted(b.Context(), company, usage.ProductVBR, server, now.Add(-24*time.Hour)); err != nil || len(got) != int(off) {
					b.Fatal(got, err)
				}
			}
		})
	}
}

func reconciledYears(b *testing.B, off int64) (l *ledger.Ledger, company usage.CompanyID, server usage.ServerID, now time.Time) {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "t.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	clock := func() time.Time { return now }
	now = time.Date(2024, 11, 20, 2, 0, 0, 0, time.UTC)
	l = &ledger.Ledger{Store: s, History: s, Now: clock}
	d := &fleet.Directory{Companies: s, Servers: s, Policy: s, Now: clock, NewUID: func() string { return "uid" }}
	c, err := d.AddCompany(b.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		b.Fatal(err)
	}
	v, err := d.AddServer(b.Context(), fleet.NewServer{Name: "VBR01", Company: c.ID, InstallationID: "i", Interval: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	for day := range 730 {
		now = time.Date(2024, 11, 20, 2, 0, 0, 0, time.UTC).AddDate(0, 0, day)
		reading := listed(now, "i")
		reading.License.Type = "Subscription"
		for i := range 1000 {
			last := now.Add(-time.Duration(i*13+day*i%700) * time.Second)
			reading.Workloads = append(reading.Workloads, usage.Workload{
				ID: fmt.Sprintf("4225a1b2-0000-4000-%04d-%012d", min(1, max(0, day/3-i)), i), Name: fmt.Sprintf("web%04d.customer.example", i), Type: "VBR_vSphere_VM", LastProtectedAt: &last,
			})
		}
		reading.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: 1000 + off}}
		if _, err := l.AppendSnapshot(b.Context(), v.ID, false, reading); err != nil {
			b.Fatal(err)
		}
	}
	return l, c.ID, v.ID, now
}
