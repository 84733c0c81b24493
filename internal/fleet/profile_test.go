package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

func TestProfilesAreValidated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for path, p := range map[string]fleet.Profile{
		"description":     {Description: "a\x00"},
		"notes":           {Notes: strings.Repeat("x", 4001)},
		"title":           {Title: "Dr."},
		"firstName":       {FirstName: "two\nlines"},
		"city":            {City: strings.Repeat("x", 201)},
		"email":           {Email: "nobody"},
		"usState":         {USState: -1},
		"bandwidth":       {Bandwidth: 1_000_000_001},
		"bandwidthUnits":  {BandwidthUnits: "MbitPerSec"},
		"expiresAt":       {Expires: true},
		"cloudAgent":      {CloudAgent: "42"},
		"vcdOrganization": {VCDOrganization: "none"},
	} {
		_, err := b.AddCompany(t.Context(), fleet.NewCompany{Name: "n", Profile: p})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), ": "+path+": ") {
			t.Errorf("%+v: %v", p, err)
		}
	}
	good := fleet.Profile{
		FirstName: " Ann ", Email: "ann@nw.example", CloudAgent: "6F9619FF-8B86-D011-B42D-00C04FC964FF", ExpiresAt: time.Date(2030, 1, 1, 1, 0, 0, 5, time.FixedZone("", 3600)),
	}
	c, err := b.AddCompany(t.Context(), fleet.NewCompany{Name: "n", Profile: good})
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Profile{
		FirstName: "Ann", Email: "ann@nw.example", CloudAgent: "6f9619ff-8b86-d011-b42d-00c04fc964ff", ExpiresAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, c.Profile); diff != "" {
		t.Error(diff)
	}
}

func TestProfileText(t *testing.T) {
	t.Parallel()
	var none fleet.Profile
	if text := none.Text(); text != "" {
		t.Errorf("nothing is %q", text)
	}
	p := fleet.Profile{Notes: "<&>", Bandwidth: 3}
	if text := p.Text(); text != `{"notes":"<&>","bandwidth":3}` {
		t.Error(text)
	}
	for _, damaged := range []string{"{", `{"other":1}`, `{"notes":1}`} {
		if _, err := fleet.ReadProfile(damaged); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", damaged, err)
		}
	}
}

// Two who change different things at once both have their way.
func TestEditsAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.company("Northwind")
	const many = 8
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			name, off := fmt.Sprint("Northwind ", i), false
			switch i {
			case 0:
				_, errs[i] = b.EditCompany(t.Context(), c.ID, fleet.CompanyEdit{Name: &name})
			case 1:
				_, errs[i] = b.EditCompany(t.Context(), c.ID, fleet.CompanyEdit{Enabled: &off})
			case 2, 3: // each a member of its own
				_, errs[i] = b.EditCompany(t.Context(), c.ID, fleet.CompanyEdit{Profile: func(p *fleet.Profile) error {
					*map[int]*string{2: &p.City, 3: &p.Notes}[i] = "kept"
					return nil
				}})
			default:
				_, errs[i] = b.EditCompany(t.Context(), c.ID, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: fmt.Sprint("t", i)}}})
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	got, err := b.FindCompany(t.Context(), c.ID.String())
	if err != nil || got.Name != "Northwind 0" || got.Enabled || len(got.Tenants) != many-4 || got.Profile.City != "kept" || got.Profile.Notes != "kept" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheTrailSaysWhatChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	trail, _ := b.Companies.(audit.Store)
	c := b.company("Northwind", fleet.Tenant{Name: "nw"})
	name, notes := "Nordwind", fleet.Profile{Notes: "what nobody else is to read", City: "Rome"}
	edit := func(e fleet.CompanyEdit) {
		t.Helper()
		if _, err := b.EditCompany(t.Context(), c.ID, e); err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(p fleet.Profile) func(*fleet.Profile) error {
		return func(kept *fleet.Profile) error { *kept = p; return nil }
	}
	edit(fleet.CompanyEdit{Name: &name, Profile: becomes(notes)})
	edit(fleet.CompanyEdit{Name: &name, Profile: becomes(notes), AddTenants: []fleet.Tenant{{Name: "nw"}}}) // nothing changes
	edit(fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Name: "nw"}}, Profile: becomes(fleet.Profile{City: "Rome"})})
	s := b.server(fleet.NewServer{Company: c.ID, URL: "vbr01.example", Username: "u", Password: "geheim", TLS: fleet.TLS{Insecure: true}})
	other := "geheimer"
	if _, err := b.EditServer(t.Context(), s.ID, fleet.ServerEdit{Password: &other}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveServer(t.Context(), s.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveCompany(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.SetZone(t.Context(), "Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	entries, err := trail.Audit(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Backward(entries) {
		got = append(got, strings.TrimSpace(e.Subject+" "+e.Action+" "+e.Detail))
	}
	want := []string{
		`company 2 added name "Northwind"; cloud tenant "nw" comes`,
		`company 2 changed name "Northwind" -> "Nordwind"; profile: city, notes`,
		`company 2 changed cloud tenant "nw" goes; profile: notes`,
		`server 1 added name "vbr01.example"; product "vbr"; company "2"; authority "reported"; interval "4h0m0s"; url "https://vbr01.example"; username "u"; verified "true" -> "false"`,
		`server 1 changed password`,
		`server 1 removed`,
		`company 2 removed`,
		`policy changed zone "Europe/Berlin"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
