package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// dataSet describes readings that are made from a seed: the same in every run but for the day on which they end.
type dataSet struct {
	Name                          string
	Companies, Servers, Workloads int // workloads of one server
	Days                          int // one reading a day
	Moving                        bool
	End                           time.Time // of the last day
}

const (
	day          = 24 * time.Hour
	daysPerMonth = 30
	churn        = 0.02 / daysPerMonth // share of workloads that is replaced each day
)

// fleetSet is many small servers, read once.
func fleetSet(scale int) dataSet {
	return dataSet{Name: "Fleet", Companies: 10_000 / scale, Servers: 20_000 / scale, Workloads: 50, Days: 1, End: endOfReadings()}
}

// yearsSet is two years of daily readings of large servers.
func yearsSet(scale int, moving bool) dataSet {
	return dataSet{
		Name: "Years", Companies: 1_000 / scale, Servers: 2_000 / scale, Workloads: 500, Days: 24 * daysPerMonth,
		Moving: moving, End: endOfReadings(),
	}
}

func endOfReadings() time.Time { return time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Hour) }

func (d dataSet) workloads() int { return d.Servers * d.Workloads }

// begin is when the first day's readings begin: each day's are taken within an hour.
func (d dataSet) begin() time.Time {
	return d.End.Add(-time.Hour - time.Duration(max(d.Days-1, 0))*day)
}

// history makes the readings of one server. Readings share what did not change.
type history struct {
	set    dataSet
	index  int
	random *rand.Rand
	list   []usage.Workload
	serial int
	day    int
}

func (d dataSet) server(index int) *history {
	return &history{set: d, index: index, random: rand.New(rand.NewPCG(uint64(index), 7))} //nolint:gosec // the same data in every run
}

func installation(index int) string { return fmt.Sprintf("8f1c0a52-7d39-4b0e-9f54-%012d", index) }

// next gives the next day's reading.
func (h *history) next() *usage.Snapshot {
	at := h.set.begin().Add(time.Duration(h.day)*day + time.Duration(h.index%3600)*time.Second)
	at = at.Add(time.Duration(h.random.Int64N(30e6)) * time.Microsecond)
	return h.reading(at)
}

// reading gives a reading at an instant, a day after the one before by its dates.
func (h *history) reading(at time.Time) *usage.Snapshot {
	switch {
	case h.list == nil:
		h.list = make([]usage.Workload, 0, h.set.Workloads)
		for range h.set.Workloads {
			h.list = append(h.list, h.workload(at))
		}
	default:
		h.list = h.changed(at)
	}
	h.day++
	return &usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, ListsNew: true, Workloads: h.list,
		Server:  usage.ServerFacts{InstallationID: installation(h.index), Name: fmt.Sprintf("VBR%05d", h.index), Version: "12.3.1.1139"},
		License: usage.License{Type: usage.LicenseRental, Edition: "EnterprisePlus", Unit: usage.Instances},
	}
}

func (h *history) workload(at time.Time) usage.Workload {
	types := []string{"VBR_vSphere_VM", "VBR_vSphere_VM", "VBR_vSphere_VM", "VBR_HyperV_VM"}
	roles := []string{"web", "db", "files", "mail", "build", "dc", "erp", "print"}
	h.serial++
	last := at.Add(-time.Duration(h.random.Int64N(86400)) * time.Second).Truncate(time.Second)
	first := last
	return usage.Workload{
		ID:               fmt.Sprintf("%08x-%04x-4000-8000-%012x", h.index, h.serial, h.random.Int64N(1<<48)),
		Name:             fmt.Sprintf("%s-%04d.customer.example", roles[h.random.IntN(len(roles))], h.serial),
		Host:             fmt.Sprintf("vcenter%d", h.random.IntN(3)),
		Type:             types[h.random.IntN(len(types))],
		Platform:         "VMware",
		FirstProtectedAt: &first, LastProtectedAt: &last,
	}
}

// changed gives the list of the day after: some workloads replaced, all dates a day on where they move.
func (h *history) changed(at time.Time) []usage.Workload {
	list, shared := h.list, true
	own := func() {
		if shared {
			list, shared = append([]usage.Workload(nil), h.list...), false
		}
	}
	var dates []time.Time
	if h.set.Moving {
		own()
		dates = make([]time.Time, len(list))
	}
	for i := range list {
		switch {
		case h.random.Float64() < churn:
			own()
			list[i] = h.workload(at)
		case h.set.Moving:
			dates[i] = list[i].LastProtectedAt.Add(day + time.Duration(h.random.Int64N(1201)-600)*time.Second)
			list[i].LastProtectedAt = &dates[i]
		}
	}
	return list
}

// moved gives a copy of a list with all dates of last protection moved.
func moved(list []usage.Workload, by time.Duration) []usage.Workload {
	list = append([]usage.Workload(nil), list...)
	dates := make([]time.Time, len(list))
	for i := range list {
		dates[i] = list[i].LastProtectedAt.Add(by + time.Duration(i%1201)*time.Second)
		list[i].LastProtectedAt = &dates[i]
	}
	return list
}
