package metering_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// draw picks one of the values.
func draw[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// one says yes once in n times.
func one(t *rapid.T, n int, label string) bool { return rapid.IntRange(1, n).Draw(t, label) == n }

func zones(t testing.TB) []*time.Location {
	var list []*time.Location
	for _, name := range []string{"UTC", "America/New_York", "Pacific/Kiritimati", "Europe/Berlin"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, zone)
	}
	return list
}

const day = 24 * time.Hour

var edges = []usage.Month{{Year: 2026, Month: time.October}, {Year: 2026, Month: time.November}, {Year: 2026, Month: time.December}}

// instant crowds around the months' edges, in UTC and in the zone of the ledger, where the rules bite.
func (h *history) instant(t *rapid.T, label string) time.Time {
	zone := draw(t, label+" zone", time.UTC, h.zone)
	edge := rapid.SampledFrom(edges).Draw(t, label+" edge").Start(zone).UTC()
	step := draw(t, label+" step", 0, 0, -time.Microsecond, time.Hour, -time.Hour, 9*time.Hour, 2*day, 12*day, 20*day, -day)
	if one(t, 3, label+" at an edge") || len(h.servers) == 0 {
		return edge.Add(step)
	}
	// at a reading, a little later, or when it is about to be stale
	s := rapid.SampledFrom(h.servers).Draw(t, label+" server")
	if len(s.snapshots) == 0 {
		return edge.Add(step)
	}
	taken := rapid.SampledFrom(s.snapshots).Draw(t, label+" reading").TakenAt
	return taken.Add(draw(t, label+" after", 0, 0, -time.Microsecond, time.Hour, 2*day, 3*s.interval, 3*s.interval+time.Microsecond))
}

// question draws what to ask: mostly where there is something to answer.
func (h *history) question(t *rapid.T) (usage.CompanyID, usage.Product, time.Time) {
	s := rapid.SampledFrom(h.servers).Draw(t, "server asked about")
	company, product := s.company, s.product
	if s.shared() {
		company = draw(t, "company of a shared server", usage.CompanyID(2), 3, usage.Unassigned)
	}
	if one(t, 6, "asks elsewhere") {
		company = draw(t, "company asked", usage.CompanyID(2), 3, usage.Unassigned)
		product = rapid.SampledFrom(usage.Products()).Draw(t, "product asked")
	}
	return company, product, h.instant(t, "T")
}

func randomHistory(t *rapid.T, all []*time.Location) *history {
	h := &history{zone: rapid.SampledFrom(all).Draw(t, "zone"), tenants: map[string]usage.CompanyID{}}
	for _, tenant := range []string{"north", "south", "west"} {
		if company := draw(t, tenant, usage.CompanyID(0), 2, 2, 3); company != 0 {
			h.tenants[tenant] = company
		}
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "servers") {
		h.servers = append(h.servers, h.randomServer(t, i))
	}
	return h
}

// randomServer is like the one before it more often than not: servers that have nothing to do with each other prove little.
func (h *history) randomServer(t *rapid.T, i int) *serverHistory {
	s := &serverHistory{
		id: usage.ServerID(i + 1), name: fmt.Sprintf("S%d", i+1),
		product:   draw(t, "product", usage.ProductVBR, usage.ProductCloudConnect, usage.ProductConsole),
		company:   draw(t, "company", usage.CompanyID(2), 2, 3, 0),
		domain:    draw(t, "domain", "", "em", "em"),
		authority: draw(t, "authority", metering.Reported, metering.Reported, metering.Computed),
		interval:  draw(t, "interval", 4*time.Hour, 31*day),
	}
	if i > 0 && !one(t, 4, "another kind of server") {
		last := h.servers[i-1]
		s.product, s.company, s.domain = last.product, last.company, last.domain
	}
	if one(t, 8, "removed") {
		s.removed = h.instant(t, "removed at")
	}
	license := randomLicense(t)
	at := h.instant(t, "first reading")
	for range rapid.IntRange(0, 5).Draw(t, "readings") {
		if one(t, 5, "another license") {
			license = randomLicense(t)
		}
		s.add(h.randomSnapshot(t, s, license, at))
		at = at.Add(draw(t, "next", time.Hour, time.Hour, 9*time.Hour, day, day, 12*day, 31*day))
	}
	return s
}

func randomLicense(t *rapid.T) usage.License {
	return usage.License{
		Type:    draw(t, "license", usage.LicenseRental, usage.LicenseRental, usage.LicenseRental, "Subscription", "Barter"),
		Unit:    draw(t, "unit", usage.Instances, usage.Points),
		Edition: draw(t, "edition", "Enterprise Plus", "EnterprisePlus", "enterprise", ""),
	}
}

func (h *history) randomSnapshot(t *rapid.T, s *serverHistory, license usage.License, at time.Time) usage.Snapshot {
	snapshot := usage.Snapshot{
		TakenAt: at, Product: s.product, License: license,
		Server:   usage.ServerFacts{Name: s.name, InstallationID: draw(t, "installation", s.name, s.name, s.name, s.name, s.name, "clone")},
		ListsNew: !one(t, 4, "lists consuming ones only"),
	}
	if !one(t, 6, "list not read") {
		snapshot.Workloads = []usage.Workload{}
		for i := range 5 {
			if !one(t, 3, "absent") {
				snapshot.Workloads = append(snapshot.Workloads, h.randomWorkload(t, s, i, at))
			}
		}
	}
	if one(t, 3, "counters") {
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			snapshot.Counters = append(snapshot.Counters, randomCounter(t, s.product))
		}
	}
	if err := snapshot.Normalize(s.shared()); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// typeNames are what the servers of a product list: aliases, odd spellings, types sold by size, and one that nobody knows.
var typeNames = map[usage.Product][]string{
	usage.ProductVBR: {
		"VBR_vSphere_VM", "VBR_vSphere_VM", "VBR_HyperV_VM", "VBR_Server_Agent", "vbr_windows_server_agent", "VBR_Linux_Workstation_Agent",
		"VBR_Application_Plugins", "VBR_Nas_Backup", "VBR_Entra_ID", "VBR_Cloud_Database", "QuantumMachine",
	},
	usage.ProductCloudConnect: {"CC_VM_Backup", "CC_VM_Backup", "CC_Server_Backup", "CC_Workstation_Backup", "CC_VM_Replica", "QuantumMachine"},
	usage.ProductConsole:      {"VAC_Server_Agent", "VAC_Workstation_Agent", "VAC_Windows_Server_Agent", "VB365_User", "QuantumMachine"},
}

func someUnits(t *rapid.T, label string) usage.Units {
	return draw(t, label, usage.Units(0), usage.One/2, usage.One, 3*usage.One, 11*usage.One)
}

func maybe[T any](t *rapid.T, n int, label string, value func() T) *T {
	if !one(t, n, label) {
		return nil
	}
	v := value()
	return &v
}

// randomWorkload gives what a server says of its i-th workload: nearly always the same type and machine, whatever the server.
func (h *history) randomWorkload(t *rapid.T, s *serverHistory, i int, at time.Time) usage.Workload {
	names := typeNames[s.product]
	w := usage.Workload{
		ID: string(rune('a' + i)), Type: names[i*2%len(names)], MachineID: []string{"m1", "m1", "m2", "m2", ""}[i],
		Tenant: []string{"north", "south", "north", "west", ""}[i],
	}
	if one(t, 4, "another type") {
		w.Type = rapid.SampledFrom(names).Draw(t, "type")
	}
	if one(t, 4, "another machine") {
		w.MachineID = draw(t, "machine", "", "m1", "m2", "m3")
	}
	if one(t, 6, "another tenant") {
		w.ID, w.Tenant = draw(t, "id", "a", "b"), fmt.Sprint("tenant", i) // one id, several tenants
		if !s.shared() {
			w.ID = fmt.Sprint(w.ID, i)
		}
	}
	w.Name = "machine " + w.ID
	w.RentalCovered, w.Revoked = one(t, 4, "rental-covered"), one(t, 8, "revoked")
	w.Units = maybe(t, 4, "units stated", func() usage.Units { return someUnits(t, "units") })
	w.SizeGB = maybe(t, 2, "size stated", func() usage.Units { return draw(t, "size", usage.Units(499), 500, 1000, 1999) * usage.One })
	w.FirstProtectedAt = maybe(t, 2, "first stated", func() time.Time {
		if one(t, 2, "before the reading") {
			return at.Add(-draw(t, "first", 0, time.Hour, 9*time.Hour, 2*day, 35*day))
		}
		return h.instant(t, "first")
	})
	w.LastProtectedAt = maybe(t, 2, "last stated", func() time.Time {
		return at.Add(-draw(t, "last", 0, day, 31*day, 31*day, 31*day+time.Microsecond))
	})
	return w
}

func randomCounter(t *rapid.T, product usage.Product) usage.Counter {
	count := func(label string) int64 { return int64(rapid.IntRange(0, 3).Draw(t, label)) }
	units := func(label string) *usage.Units {
		return maybe(t, 3, label+" stated", func() usage.Units { return someUnits(t, label) })
	}
	return usage.Counter{
		Type: rapid.SampledFrom(typeNames[product]).Draw(t, "counter type"), Multiplier: units("multiplier"),
		Used: count("used"), New: count("new"), Rental: count("rental"), Removed: count("removed"),
		UsedUnits: units("used units"), NewUnits: units("new units"), RentalUnits: units("rental units"),
	}
}
