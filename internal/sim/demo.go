package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// DemoOptions say which demo is wanted.
type DemoOptions struct {
	Companies int // at least 3; fewer are made 3
	Months    int // calendar months of history, the month of Now included; at least 1
	Seed      int64
	Now       time.Time
}

// From gives the first instant of the demo's history: the start of its first month.
func (o DemoOptions) From() time.Time { return monthStart(o.Now).AddDate(0, 1-max(o.Months, 1), 0) }

// Demo gives the demo's fleets: equal options, equal scenario. The first company has at Now exactly the figures
// of rest-v2.md §3.2: 34 used and 1 new vSphere VM, 1 used server agent, 1 new workstation agent. The clock starts
// at Now; whoever wants the history steps it there.
func Demo(o DemoOptions) *Scenario {
	o.Now = o.Now.UTC()
	d := &demo{from: o.From(), month: monthStart(o.Now), now: o.Now, months: max(o.Months, 1), random: key(o.Seed, "demo")}
	d.s = &Scenario{Seed: o.Seed, Clock: ClockSpec{Start: o.Now, Speed: 1}}
	d.reference("Northwind")
	d.subscription("Southridge")
	d.points("Westvale")
	for i := 3; i < max(o.Companies, 3); i++ {
		name := companyName(i)
		switch i {
		case 3:
			d.agents(name)
		case 4:
			d.mixed(name)
		default:
			d.generated(name)
		}
	}
	d.cloud()
	return d.s
}

// companyName gives the name of the company at place i.
func companyName(i int) string {
	names := []string{"Northwind", "Southridge", "Westvale", "Eastbrook", "Highmoor", "Lowfield", "Greyharbour", "Ashdown", "Brightwater", "Coldspring", "Drystone", "Elmgrove"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("Company %03d", i+1)
}

// demo builds one scenario.
type demo struct {
	s      *Scenario
	from   time.Time // start of the history
	month  time.Time // start of the month of now
	now    time.Time
	months int
	random uint64
}

// upTo gives a number from 0 to n-1, the next of the seed's row.
func (d *demo) upTo(n int) int {
	d.random = mix(d.random)
	return int(d.random % uint64(n)) //nolint:gosec // both are small and positive
}

func (d *demo) between(low, high int) int { return low + d.upTo(high-low+1) }

// company adds a company and gives the short form of its name for servers.
func (d *demo) company(name string) string {
	short := strings.ToLower(strings.ReplaceAll(name, " ", ""))
	d.s.Companies = append(d.s.Companies, Company{Name: name, CloudTenants: []string{short}})
	return short
}

// server adds a server; the pointer is good until the next one is added.
func (d *demo) server(company, name string, wire Wire, license LicenseSpec) *ServerSpec {
	license.LicensedTo = company
	license.SupportID = fmt.Sprintf("%08d", key(d.s.Seed, "support", name)%100_000_000)
	license.Expires = At(d.month.AddDate(0, 6+d.upTo(18), 0))
	d.s.Servers = append(d.s.Servers, ServerSpec{
		Name: name, Company: company, Product: usage.ProductVBR, Wire: wire,
		Password: fmt.Sprintf("demo-%012x", key(d.s.Seed, "password", name)>>16), License: license,
	})
	return &d.s.Servers[len(d.s.Servers)-1]
}

// herd is a kind of workload on a server of the demo.
type herd struct {
	kind    Kind
	name    string // a pattern
	tenant  string
	steady  int // used at the end
	joined  int // of these, how many came during the history
	left    int // were there once and are gone
	fresh   int // new in the last month
	sizesGB []float64
}

// add puts a herd on a server. What joins does so in a month before the last one,
// so that it is used at the end; what leaves is gone before the last month begins.
func (d *demo) add(s *ServerSpec, h herd) {
	n := 0
	one := func(first time.Time) *WorkloadSpec {
		n++
		w := WorkloadSpec{Name: fmt.Sprintf(h.name, n), Kind: h.kind, Tenant: h.tenant, First: At(first)}
		if len(h.sizesGB) > 0 {
			w.SizeGB = h.sizesGB[(n-1)%len(h.sizesGB)]
		}
		s.Workloads = append(s.Workloads, w)
		return &s.Workloads[len(s.Workloads)-1]
	}
	for range h.steady - h.joined {
		one(d.before())
	}
	for range h.joined {
		one(d.during())
	}
	for range h.fresh {
		one(d.lately())
	}
	for range h.left {
		if d.months > 1 {
			d.leave(one(d.before()))
		}
	}
}

// before gives an evening before the history.
func (d *demo) before() time.Time {
	return d.from.AddDate(0, 0, -d.between(20, 240)).Add(d.evening())
}

// during gives an evening in the history, before its last month; without such a month one before all of it.
func (d *demo) during() time.Time {
	if d.months < 2 {
		return d.before()
	}
	return d.from.AddDate(0, d.upTo(d.months-1), d.upTo(26)).Add(d.evening())
}

// lately gives an instant of the last month that is not after now: in its very first minutes, its start.
func (d *demo) lately() time.Time {
	t := d.month.AddDate(0, 0, d.between(1, 6)).Add(d.evening())
	if t.After(d.now) {
		t = d.month.Add(d.now.Sub(d.month) / 2).Truncate(time.Hour)
	}
	return t
}

// evening gives a time of day at which backups run.
func (d *demo) evening() time.Duration {
	return 19*time.Hour + time.Duration(d.upTo(4*60))*time.Minute
}

// leave ends a workload in a month of the history before the last one: half of them go with their backups, the
// others just stop and lapse, if there is time enough for that.
func (d *demo) leave(w *WorkloadSpec) {
	in := d.upTo(d.months - 1)
	last := d.from.AddDate(0, in, d.between(3, 18)).Add(d.evening())
	w.Last = At(last)
	lapsed := last.Add(lookBack + day).Before(d.month)
	if !lapsed || d.upTo(2) == 0 {
		w.Removed = At(last.AddDate(0, 0, d.between(1, 6)))
	}
}

// reference is the company whose figures are those of rest-v2.md §3.2: 34 and 1, 1, and 1.
func (d *demo) reference(name string) {
	short := d.company(name)
	d.s.Companies[len(d.s.Companies)-1].CloudTenants = nil
	s := d.server(name, short+"-vbr01", Wire130, LicenseSpec{Type: "Rental", Edition: "EnterprisePlus", Licensed: 60})
	d.add(s, herd{kind: KindVSphere, name: "web%02d", steady: 34, joined: min(3*(d.months-1), 14), left: 9, fresh: 1})
	d.add(s, herd{kind: KindWindowsServer, name: "files%02d", steady: 1, left: 2})
	d.add(s, herd{kind: KindWindowsWorkstation, name: "laptop%02d", left: 2, fresh: 1})
}

// subscription is a company with many types on an older server: nothing is ever new there.
func (d *demo) subscription(name string) {
	s := d.server(name, d.company(name)+"-vbr01", Wire123, LicenseSpec{Type: "Subscription", Edition: "EnterprisePlus", Package: "Suite", Licensed: 60})
	d.add(s, herd{kind: KindHyperV, name: "hv%02d", steady: 18, joined: 5, left: 3, fresh: 1})
	d.add(s, herd{kind: KindApplication, name: "oracle%02d", steady: 4, joined: 1})
	d.add(s, herd{kind: KindFileShare, name: `nas01:/share%02d`, steady: 3, sizesGB: []float64{1750, 320, 5200}})
	d.add(s, herd{kind: KindLinuxServer, name: "lx%02d", steady: 3, left: 1})
}

// points is a company with several servers under a license in points.
func (d *demo) points(name string) {
	short := d.company(name)
	license := LicenseSpec{
		Type: "Rental", Edition: "EnterprisePlus", Units: usage.Points, Licensed: 1500,
		Multipliers: map[Kind]float64{KindVSphere: 11, KindWindowsServer: 11, KindLinuxServer: 11, KindWindowsWorkstation: 4},
	}
	s := d.server(name, short+"-vbr01", Wire131, license)
	d.add(s, herd{kind: KindVSphere, name: "prod%02d", steady: 42, joined: 8, left: 5, fresh: 2})
	d.add(s, herd{kind: KindWindowsServer, name: "srv%02d", steady: 6, joined: 1})
	s = d.server(name, short+"-vbr02", Wire131, license)
	d.add(s, herd{kind: KindVSphere, name: "branch%02d", steady: 17, joined: 4, left: 2})
	d.add(s, herd{kind: KindWindowsWorkstation, name: "pc%02d", steady: 9, joined: 3, fresh: 1})
	s = d.server(name, short+"-vbr03", Wire130, license)
	d.add(s, herd{kind: KindLinuxServer, name: "edge%02d", steady: 5, joined: 2, left: 1})
}

// agents is a company that backs up little else than physical machines.
func (d *demo) agents(name string) {
	s := d.server(name, d.company(name)+"-vbr01", Wire130, LicenseSpec{Type: "Rental", Edition: "EnterprisePlus", Licensed: 200, FreeAgents: true})
	d.add(s, herd{kind: KindWindowsServer, name: "winsrv%02d", steady: 24, joined: 6, left: 4, fresh: 2})
	d.add(s, herd{kind: KindLinuxServer, name: "linsrv%02d", steady: 11, joined: 3})
	d.add(s, herd{kind: KindWindowsWorkstation, name: "desk%03d", steady: 96, joined: 20, left: 15, fresh: 7})
	d.add(s, herd{kind: KindLinuxWorkstation, name: "dev%02d", steady: 8, joined: 2})
}

// mixed is a company with the newer platforms.
func (d *demo) mixed(name string) {
	s := d.server(name, d.company(name)+"-vbr01", Wire131, LicenseSpec{Type: "Rental", Edition: "Enterprise", Units: usage.Points, Licensed: 800})
	d.add(s, herd{kind: KindNutanix, name: "ahv%02d", steady: 14, joined: 4, left: 2, fresh: 1})
	d.add(s, herd{kind: KindProxmox, name: "pve%02d", steady: 9, joined: 3})
	d.add(s, herd{kind: KindCloudVM, name: "i-%04d", steady: 7, joined: 2, left: 3})
	d.add(s, herd{kind: KindFileShare, name: `filer:/vol%02d`, steady: 2, sizesGB: []float64{2600, 940}})
}

// generated is a company as the seed has it.
func (d *demo) generated(name string) {
	short := d.company(name)
	license := LicenseSpec{Type: "Rental", Edition: "EnterprisePlus", Licensed: float64(50 * d.between(1, 6))}
	wires := []Wire{Wire123, Wire130, Wire131}
	switch d.upTo(4) {
	case 0:
		license.Type, license.Package = "Subscription", "Backup"
	case 1:
		license.Units = usage.Points
		license.Licensed *= 11
	}
	for n := range d.between(1, 2) {
		s := d.server(name, fmt.Sprintf("%s-vbr%02d", short, n+1), wires[d.upTo(len(wires))], license)
		vms := d.between(4, 60)
		d.add(s, herd{kind: []Kind{KindVSphere, KindVSphere, KindHyperV}[d.upTo(3)], name: "vm%03d", steady: vms, joined: vms / 4, left: d.upTo(5), fresh: d.upTo(3)})
		d.add(s, herd{kind: KindWindowsServer, name: "srv%02d", steady: d.upTo(8), left: d.upTo(2)})
		d.add(s, herd{kind: KindWindowsWorkstation, name: "pc%02d", steady: d.upTo(12), fresh: d.upTo(2)})
	}
}

// cloud is the provider's own Cloud Connect server; all companies but the first are tenants of it.
func (d *demo) cloud() {
	s := d.server("", "cloud01", Wire131, LicenseSpec{Type: "Rental", Edition: "EnterprisePlus", Units: usage.Points, Licensed: 5000, CloudConnect: "Enabled"})
	s.Product, s.Shared, s.License.LicensedTo = usage.ProductCloudConnect, true, "The provider"
	for i, c := range d.s.Companies {
		for _, tenant := range c.CloudTenants {
			d.add(s, herd{kind: KindTenantVM, tenant: tenant, name: tenant + "-vm%02d", steady: d.between(2, 8), joined: 1, left: d.upTo(2)})
			d.add(s, herd{kind: KindTenantServer, tenant: tenant, name: tenant + "-srv%02d", steady: d.upTo(4)})
			d.add(s, herd{kind: KindTenantWorkstation, tenant: tenant, name: tenant + "-pc%02d", steady: d.upTo(6)})
			if i%2 == 0 {
				d.add(s, herd{kind: KindTenantReplica, tenant: tenant, name: tenant + "-dr%02d", steady: d.between(1, 3)})
			}
		}
	}
}
