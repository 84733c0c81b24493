package usage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// null is missing, everywhere (C44).
func TestNullIsMissing(t *testing.T) {
	t.Parallel()
	sections := func(text string) Snapshot {
		t.Helper()
		s, err := ParseSnapshot([]byte(strings.Replace(example, `"licensed": "100"`, `"licensed": "100", "sections": [`+text+`]`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Normalize(false); err != nil {
			t.Fatal(err)
		}
		return s
	}
	null, missing := sections(`{"kind": "Socket", "licensed": null, "used": null, "expiresAt": null}`), sections(`{"kind": "Socket"}`)
	if null.Digest() != missing.Digest() {
		t.Errorf("%s\n%s", null.Canonical(), missing.Canonical())
	}
}

// Whatever the order in which a source says it, it says the same (C44: lists by id).
func TestOrderIsNoContent(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	s := Snapshot{
		TakenAt: at, Product: ProductVBR, Server: ServerFacts{InstallationID: "i", Name: "n"},
		License: License{Type: LicenseRental, Sections: []LicenseSection{{Kind: "Socket"}, {Kind: "Capacity"}, {Kind: "Capacity", ExpiresAt: &at}}},
		Workloads: []Workload{
			{ID: "2", Tenant: "a", Name: "x", Type: "T"}, {ID: "1", Tenant: "b", Name: "x", Type: "T"}, {ID: "1", Tenant: "a", Name: "x", Type: "T"},
		},
		Counters: []Counter{{Type: "T", Used: 2}, {Type: "T", Used: 1}, {Type: "A"}},
		Notes:    []Note{{Code: "b"}, {Code: "a", Text: "z"}, {Code: "a", Text: "y"}},
	}
	if err := s.Normalize(true); err != nil {
		t.Fatal(err)
	}
	turned := s
	turned.License.Sections = slices.Clone(s.License.Sections)
	turned.Workloads, turned.Counters, turned.Notes = slices.Clone(s.Workloads), slices.Clone(s.Counters), slices.Clone(s.Notes)
	slices.Reverse(turned.License.Sections)
	slices.Reverse(turned.Workloads)
	slices.Reverse(turned.Counters)
	slices.Reverse(turned.Notes)
	if s.Digest() != turned.Digest() {
		t.Errorf("%s\n%s", s.Canonical(), turned.Canonical())
	}
}

// Blanks name no machine: two workloads that state them are not one (C12).
func TestBlankMachineID(t *testing.T) {
	t.Parallel()
	s := Snapshot{
		TakenAt: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Product: ProductVBR, Server: ServerFacts{InstallationID: "i", Name: "n"},
		License:   License{Type: LicenseRental},
		Workloads: []Workload{{ID: "1", Name: "x", Type: "T", MachineID: " \t"}, {ID: "2", Name: "x", Type: "T", MachineID: " m "}},
	}
	if err := s.Normalize(false); err != nil {
		t.Fatal(err)
	}
	if s.Workloads[0].MachineID != "" || s.Workloads[1].MachineID != " m " {
		t.Errorf("%q, %q", s.Workloads[0].MachineID, s.Workloads[1].MachineID)
	}
}

// What was accepted must be countable: products of counts and sizes are bounded, too.
func TestAbsurdProductsAreRefused(t *testing.T) {
	t.Parallel()
	huge, many := 10_000*One, Units(999_999_999_999)*One
	for name, change := range map[string]func(*Snapshot){
		"counters": func(s *Snapshot) {
			for range 12 {
				s.Counters = append(s.Counters, Counter{Type: "VBR_vSphere_VM", Multiplier: &huge, Used: 100_000_000})
			}
		},
		"sizes": func(s *Snapshot) {
			for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
				s.Workloads = append(s.Workloads, Workload{ID: id, Name: id, Type: "VBR_Nas_Backup", SizeGB: &many})
			}
		},
	} {
		s := Snapshot{
			TakenAt: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Product: ProductVBR,
			Server: ServerFacts{InstallationID: "i", Name: "n"}, License: License{Type: LicenseRental},
		}
		change(&s)
		if err := s.Normalize(false); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
