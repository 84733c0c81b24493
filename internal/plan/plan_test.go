package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// office is the plans and companies of a provider over an empty store.
type office struct {
	*plan.Service
	store     *sqlite.Store
	directory *fleet.Directory
}

func open(t *testing.T) *office {
	t.Helper()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: func() string { return "uid" + time.Now().String() }, Now: clock.Now}
	return &office{&plan.Service{Records: s, Directory: d, Now: clock.Now}, s, d}
}

// gold has each kind of rate.
func gold() plan.Plan {
	return plan.Plan{
		Name: " Gold ", Currency: "eur", Tax: "VAT", TaxPercent: 19 * usage.One, Workstation: plan.Rate{Price: usage.One * 9 / 2},
		Repository: plan.Rate{Price: 15*usage.One + 1, Per: "TB", Free: 20, FreePer: "GB"}, Compute: plan.Rate{Free: 10, FreePer: "hour"},
	}
}

func TestPlansLife(t *testing.T) {
	t.Parallel()
	o := open(t)
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "test"})
	refused := func(err error, code fault.Code, said string) {
		t.Helper()
		if !fault.Is(err, code) || !strings.Contains(err.Error(), said) {
			t.Errorf("%v, want %s with %q", err, code, said)
		}
	}
	if all, err := o.All(ctx); err != nil || len(all) != 1 || all[0].ID != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	item, err := o.Add(ctx, gold())
	if err != nil || item.ID != 1 || item.Value.Name != "Gold" || item.Value.Currency != "EUR" {
		t.Fatalf("%+v, %v", item, err)
	}
	const kept = `{"name":"Gold","currency":"EUR","tax":"VAT","taxPercent":19,"workstation":{"price":4.5},` +
		`"repository":{"price":15.000001,"per":"TB","free":20,"freePer":"GB"},"compute":{"free":10,"freePer":"hour"}}`
	if item.Body != kept {
		t.Error(item.Body)
	}
	for _, ref := range []string{"1", " 1", "name:gold"} {
		if found, err := o.Find(ctx, ref); err != nil || found.Value != item.Value {
			t.Errorf("%q: %+v, %v", ref, found, err)
		}
	}
	for _, ref := range []string{"gold", "-1", "", "2", "name:silver"} {
		_, err := o.Find(ctx, ref)
		refused(err, fault.NotFound, "plan")
	}
	_, err = o.Add(ctx, gold())
	refused(err, fault.Conflict, `plan 1 is named "Gold" already`)
	taken := gold()
	taken.Name = plan.Default().Value.Name
	_, err = o.Add(ctx, taken)
	refused(err, fault.Conflict, "plan 0 is named")

	var companies []fleet.Company
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		c, err := o.directory.AddCompany(ctx, fleet.NewCompany{Name: name})
		if err == nil {
			c, err = o.Assign(ctx, c.ID, 1)
		}
		if err != nil || c.Profile.Plan != 1 {
			t.Fatalf("%+v, %v", c.Profile, err)
		}
		companies = append(companies, c)
	}
	_, err = o.Assign(ctx, companies[0].ID, 2)
	refused(err, fault.NotFound, "There is no subscription plan 2")
	_, err = o.Assign(ctx, 99, 1)
	refused(err, fault.NotFound, "there is no company 99")
	refused(o.Remove(ctx, 1), fault.Conflict, "subscription plan 1 is not removed: it is that of the companies 2 (a), 3 (b), 4 (c), 5 (d), 6 (e), 2 more")
	refused(o.Remove(ctx, 0), fault.Conflict, "plan 0")
	refused(o.Remove(ctx, 7), fault.NotFound, "7")
	_, err = o.Edit(ctx, 0, func(*plan.Plan) error { return nil })
	refused(err, fault.Conflict, "plan 0")
	_, err = o.Edit(ctx, 1, func(p *plan.Plan) error { p.Currency = ""; return nil })
	refused(err, fault.Invalid, "currency")
	if item, err = o.Edit(ctx, 1, func(p *plan.Plan) error { p.Workstation.Price, p.Description = 5*usage.One, "x"; return nil }); err != nil || item.Value.Name != "Gold" {
		t.Errorf("%+v, %v", item, err)
	}
	for _, c := range companies {
		if _, err := o.Assign(ctx, c.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Remove(ctx, 1); err != nil {
		t.Error(err)
	}
	if again, err := o.Add(ctx, gold()); err != nil || again.ID != 2 {
		t.Errorf("%+v, %v", again, err)
	}
	entries, err := o.store.Audit(ctx, audit.Query{})
	var did []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Subject, "company") || strings.Contains(e.Detail, "plan") {
			did = append(did, e.Name+" "+e.Subject+" "+e.Action+" "+e.Detail)
		}
	}
	slices.Reverse(did)
	const isAdded = ` added name "Gold"; currency "EUR"; tax "VAT"; taxPercent "0" -> "19"; workstation "0" -> "4.5"; repository "0" -> "15.000001 per TB, 20 GB free"; compute "0" -> "0, 10 hour free"`
	if got := strings.Join(did, "|"); err != nil || !strings.HasPrefix(got, `jane subscription plan 1`+isAdded+`|jane company 2 changed subscription plan "1"|`) ||
		!strings.Contains(got, `|jane subscription plan 1 changed description; workstation "4.5" -> "5"|jane company 2 changed subscription plan "1" goes|`) ||
		!strings.HasSuffix(got, "|jane subscription plan 1 removed |jane subscription plan 2"+isAdded) {
		t.Errorf("%s, %v", got, err)
	}
}

// Of two who at once remove a plan and give it away, or add two of one name, one has his way.
func TestPlansAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	c, err := o.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string) (plan.Item, error) {
		p := gold()
		p.Name = name
		return o.Add(t.Context(), p)
	}
	atOnce := func(one, other func() error) (errs [2]error) {
		var wg sync.WaitGroup
		wg.Go(func() { errs[0] = one() })
		wg.Go(func() { errs[1] = other() })
		wg.Wait()
		return errs
	}
	for n := range 50 {
		item, err := add(fmt.Sprint("p", n))
		if err != nil {
			t.Fatal(err)
		}
		errs := atOnce(
			func() error { _, err := o.Assign(t.Context(), c.ID, item.ID); return err },
			func() error { return o.Remove(t.Context(), item.ID) },
		)
		if given := errs[0] == nil; given && !fault.Is(errs[1], fault.Conflict) || !given && (!fault.Is(errs[0], fault.NotFound) || errs[1] != nil) {
			t.Fatal(errs)
		}
		if _, err := o.Assign(t.Context(), c.ID, 0); err != nil {
			t.Fatal(err)
		}
		twice := func() error { _, err := add(fmt.Sprint("q", n)); return err }
		errs = atOnce(twice, twice)
		if errs[0] != nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		if errs[0] != nil || !fault.Is(errs[1], fault.Conflict) {
			t.Fatal(errs)
		}
		other, err := add(fmt.Sprint("r", n))
		if err != nil {
			t.Fatal(err)
		}
		rename := func() error {
			_, err := o.Edit(t.Context(), other.ID, func(p *plan.Plan) error { p.Name = fmt.Sprint("s", n); return nil })
			return err
		}
		errs = atOnce(rename, func() error { _, err := add(fmt.Sprint("s", n)); return err })
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatal(errs)
		}
	}
}

// Whom to write to is not in the trail; by which plan somebody is billed is.
func TestTheTrailNamesPlans(t *testing.T) {
	t.Parallel()
	o := open(t)
	c, err := o.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		p := gold()
		p.Name = name
		item, err := o.Add(t.Context(), p)
		if err == nil {
			_, err = o.directory.EditCompany(t.Context(), c.ID, fleet.CompanyEdit{Profile: func(p *fleet.Profile) error { p.City = name; return plan.Giving(item.ID)(p) }})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	entries, err := o.store.Audit(t.Context(), audit.Query{Company: c.ID, Limit: 2})
	if err != nil || len(entries) != 2 || entries[1].Detail != `subscription plan "1"; profile: city` || entries[0].Detail != `subscription plan "1" -> "2"; profile: city` {
		t.Errorf("%+v, %v", entries, err)
	}
}

// All that is wrong is told at once, and nothing of it is kept.
func TestNoPlan(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := plan.Plan{
		Description: "\x00", Currency: "E1", Tax: "none", TaxPercent: 101 * usage.One, Discount: -1, Service: plan.Rate{Price: -1}, VM: plan.Rate{Price: 1, Per: "GB"},
		Server: plan.Rate{Free: 1}, Repository: plan.Rate{Price: 1}, Compute: plan.Rate{Free: 1, FreePer: "day"}, CloudStorage: plan.Rate{Price: 2_000_000_000 * usage.One, Per: "TB"},
	}
	_, err := o.Add(t.Context(), p)
	var paths []string
	var refused *fault.Error
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	for _, f := range refused.Fields {
		paths = append(paths, f.Path+" "+f.Text)
	}
	want := []string{
		"cloudStorage is between 0 and 1000000000", "compute is free by hour", "currency is three letters, as EUR",
		"description holds a control character or is not valid UTF-8", "discount is between 0 and 100", "name is required", "repository is asked for by GB or TB",
		"server is never free in part", "service is between 0 and 1000000000", "tax is one of VAT, GST, SalesTax", "taxPercent is between 0 and 100", "vm is asked for by the month, without a unit",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("%q", paths)
	}
	if all, err := o.All(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A rate that Rates forgets could neither be set nor checked.
func TestRatesAreAll(t *testing.T) {
	t.Parallel()
	var p plan.Plan
	for i, r := range p.Rates() {
		r.Price = usage.Units(i + 1)
	}
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rates() {
		if !strings.Contains(string(body), `"`+r.Name+`":{"price":`+r.Price.String()) {
			t.Errorf("%s is not kept by its name: %s", r.Name, body)
		}
	}
	if n := strings.Count(string(body), `"price"`); n != len(p.Rates()) || n != strings.Count(plan.RateNames(), ",")+1 {
		t.Errorf("%d of %d: %s", n, len(p.Rates()), body)
	}
}

// The months of a company that was removed are still priced by its plan.
func TestPlanOfARemovedCompanyStays(t *testing.T) {
	t.Parallel()
	o := open(t)
	item, err := o.Add(t.Context(), gold())
	if err != nil {
		t.Fatal(err)
	}
	c, err := o.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "a", Profile: fleet.Profile{Plan: item.ID}})
	if err == nil {
		err = o.directory.RemoveCompany(t.Context(), c.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Remove(t.Context(), item.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("removed: %v", err)
	}
	if _, err := o.Get(t.Context(), item.ID); err != nil {
		t.Error(err)
	}
}
