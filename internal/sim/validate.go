package sim

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// workloadsMax bounds the workloads of one server, so that a slip of the pen does not fill the memory.
const workloadsMax = 200_000

// Validate finds every mistake of the scenario at once; nil when there is none.
func (s *Scenario) Validate() error {
	return fault.InvalidFields("the scenario has mistakes", s.mistakes())
}

// mistakes lists what is wrong, by path.
func (s *Scenario) mistakes() []fault.Field {
	c := &checker{}
	if s.Clock.Speed < 0 || math.IsNaN(s.Clock.Speed) || s.Clock.Speed > 1e6 {
		c.add("clock.speed", "must lie between 0 and 1000000")
	}
	if len(s.Servers) == 0 {
		c.add("server", "there must be at least one [[server]]")
	}
	names := map[string]bool{}
	for i := range s.Servers {
		sv := &s.Servers[i]
		path := fmt.Sprintf("server[%d]", i)
		if names[sv.Name] {
			c.add(path+".name", "%q is the name of an earlier server", clip(sv.Name))
		}
		names[sv.Name] = true
		c.server(path, sv)
	}
	return c.fields
}

type checker struct{ fields []fault.Field }

func (c *checker) add(path, format string, args ...any) {
	c.fields = append(c.fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
}

func oneOf[T ~string](c *checker, path string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	c.add(path, "%q is not allowed: write one of %s", clip(string(value)), strings.Join(words, ", "))
}

// optional is oneOf for what may be left out.
func optional[T ~string](c *checker, path string, value T, allowed ...T) {
	if value != "" {
		oneOf(c, path, value, allowed...)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

func (c *checker) uuid(path, value string) {
	if value != "" && !uuidForm.MatchString(value) {
		c.add(path, "%q is no UUID such as 8f1c2a30-0000-4000-8000-000000000001", clip(value))
	}
}

func (c *checker) span(path string, d, most time.Duration) {
	if d < -most || d > most {
		c.add(path, "must not be more than %v", most)
	}
}

func (c *checker) server(path string, s *ServerSpec) {
	if s.Name == "" {
		c.add(path+".name", "must not be empty")
	}
	if s.Password == "" {
		c.add(path+".password", "must not be empty")
	}
	oneOf(c, path+".wire", s.Wire, Wire122, Wire123, Wire130, Wire131)
	c.uuid(path+".installationId", s.InstallationID)
	optional(c, path+".product", s.Product, usage.ProductVBR, usage.ProductCloudConnect)
	optional(c, path+".role", s.Role, RoleAdmin, RoleViewer)
	optional(c, path+".grant", s.Grant, GrantLower, GrantBoth, GrantCapitalised)
	optional(c, path+".report", s.Report, ReportJSON, ReportCSV, ReportAbsent)
	optional(c, path+".identity", s.Identity, IdentityID, IdentityObjectID, IdentityBiosUUID, IdentityNone)
	optional(c, path+".platform", s.Platform, "Windows", "Linux")
	if s.ExpiresIn < 0 || s.ExpiresIn > 86400*30 {
		c.add(path+".expiresIn", "must lie between 1 and 2592000 seconds")
	}
	if s.PageMax < 0 {
		c.add(path+".pageMax", "must be positive")
	}
	c.span(path+".utcOffset", s.UTCOffset, 14*time.Hour)
	c.span(path+".clockOffset", s.ClockOffset, 366*day)
	c.license(path+".license", &s.License)
	c.workloads(path, s)
	for i := range s.Faults {
		c.fault(fmt.Sprintf("%s.fault[%d]", path, i), &s.Faults[i])
	}
}

// The values of the license enums (vbr-rest.md §3.2, §3.3).
var (
	licenseTypes    = []string{"Empty", "Evaluation", "Free", "NFR", "Perpetual", "Rental", "Subscription", "Promo"}
	licenseEditions = []string{"Community", "Standard", "Enterprise", "EnterprisePlus", "Unspecified"}
	licensePackages = []string{"Invalid", "Starter", "Essentials", "Backup", "One", "Suite", "Foundation", "Advanced", "Premium"}
	cloudConnects   = []string{"Disabled", "Enabled", "Enterprise", "Invalid"}
	socketTypes     = []string{"HyperV", "Universal", "Unlicensed", "vSphere"}
)

func (c *checker) license(path string, l *LicenseSpec) {
	oneOf(c, path+".type", l.Type, licenseTypes...)
	oneOf(c, path+".edition", l.Edition, licenseEditions...)
	optional(c, path+".package", l.Package, licensePackages...)
	optional(c, path+".units", l.Units, usage.Instances, usage.Points)
	optional(c, path+".cloudConnect", l.CloudConnect, cloudConnects...)
	c.uuid(path+".id", l.ID)
	c.amount(path+".licensed", l.Licensed)
	for _, row := range kinds {
		if m, ok := l.Multipliers[row.kind]; ok {
			c.amount(path+".multipliers."+string(row.kind), m)
		}
	}
	for k := range l.Multipliers {
		if kindOf(k) == nil {
			c.add(path+".multipliers."+string(k), "is not a kind of workload: write one of %s", kindNames())
		}
	}
	if l.Sockets != nil {
		c.sockets(path+".sockets", l.Sockets)
	}
	if l.Capacity != nil {
		c.amount(path+".capacity.licensedTb", l.Capacity.LicensedTB)
	}
}

func (c *checker) sockets(path string, s *SocketSpec) {
	if s.Licensed < 0 {
		c.add(path+".licensed", "must not be negative")
	}
	optional(c, path+".package", s.Package, licensePackages...)
	for i, h := range s.Hosts {
		at := fmt.Sprintf("%s.host[%d]", path, i)
		if h.Name == "" {
			c.add(at+".name", "must not be empty")
		}
		if h.Sockets < 1 || h.Cores < 1 {
			c.add(at+".sockets", "sockets and cores must be positive")
		}
		optional(c, at+".type", h.Type, socketTypes...)
	}
}

func (c *checker) amount(path string, v float64) {
	if math.IsNaN(v) || v < 0 || v > 1e12 {
		c.add(path, "must lie between 0 and 10^12")
	}
}

func kindNames() string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = string(kinds[i].kind)
	}
	return strings.Join(names, ", ")
}

func (c *checker) workloads(path string, s *ServerSpec) {
	total := 0
	seen := map[string]bool{}
	ids := map[string]bool{}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		at := fmt.Sprintf("%s.workload[%d]", path, i)
		before := len(c.fields)
		c.workload(at, s, w)
		if total += max(w.Count, 1); total > workloadsMax {
			c.add(at+".count", "a server may have %d workloads at most", workloadsMax)
			return
		}
		if len(c.fields) > before {
			continue
		}
		c.unique(at, w, seen, ids)
	}
}

// unique refuses what would give two workloads one identity: that is a fault's business (same-id).
func (c *checker) unique(path string, w *WorkloadSpec, seen, ids map[string]bool) {
	for n := range max(w.Count, 1) {
		name := string(w.Kind) + "\x00" + w.Tenant + "\x00" + w.nameOf(n)
		if seen[name] && w.InstanceID == "" {
			c.add(path+".name", "there is already a %s %q: give one of them an instanceId", w.Kind, clip(w.nameOf(n)))
			return
		}
		seen[name] = true
	}
	if w.InstanceID != "" {
		if ids[w.InstanceID] {
			c.add(path+".instanceId", "is the id of an earlier workload (for that, use the fault same-id)")
		}
		ids[w.InstanceID] = true
	}
}

func (c *checker) workload(path string, s *ServerSpec, w *WorkloadSpec) {
	row := kindOf(w.Kind)
	if row == nil {
		c.add(path+".kind", "%q is not a kind of workload: write one of %s", clip(string(w.Kind)), kindNames())
		return
	}
	c.workloadName(path, w)
	c.workloadTimes(path, w)
	c.uuid(path+".instanceId", w.InstanceID)
	c.uuid(path+".machineId", w.MachineID)
	if w.Count > 1 && (w.InstanceID != "" || w.ObjectID != "") {
		c.add(path+".instanceId", "one id cannot stand for %d workloads", w.Count)
	}
	optional(c, path+".identity", w.Identity, IdentityID, IdentityObjectID, IdentityBiosUUID, IdentityNone)
	if w.Kind == KindOther && w.TypeText == "" {
		c.add(path+".typeText", "kind other needs the type that the wire shows")
	}
	if row.tenant && w.Tenant == "" && s.Shared {
		c.add(path+".tenant", "a %s on a shared server needs a tenant", w.Kind)
	}
	if w.RentalCovered && (!row.tenant || w.Kind == KindTenantReplica) {
		c.add(path+".rentalCovered", "only backups of Cloud Connect tenants can be covered by a rental license of the tenant")
	}
	if w.Socket && s.License.Sockets == nil {
		c.add(path+".socket", "the license has no section [server.license.sockets]")
	}
	if w.Capacity && (s.License.Capacity == nil || !row.sized) {
		c.add(path+".capacity", "needs a file share and a section [server.license.capacity]")
	}
	c.amount(path+".sizeGb", w.SizeGB)
	if w.Units != nil {
		c.amount(path+".units", *w.Units)
	}
}

// patternForm is a name with exactly one number in it.
var patternForm = regexp.MustCompile(`^[^%]*%(0\d{1,2})?d[^%]*$`)

func (c *checker) workloadName(path string, w *WorkloadSpec) {
	switch {
	case w.Name == "":
		c.add(path+".name", "must not be empty")
	case w.Count < 0:
		c.add(path+".count", "must be positive")
	case w.Count > 1 && !patternForm.MatchString(w.Name):
		c.add(path+".name", `%q is no pattern: with count it needs one %%d or %%02d, as in "web%%02d"`, clip(w.Name))
	}
}

// stepMin bounds how often a workload can be backed up, and with retentionMax how much a restore point list can hold.
const (
	stepMin      = 5 * time.Minute
	retentionMax = 3650
)

func (c *checker) workloadTimes(path string, w *WorkloadSpec) {
	if w.First.IsZero() {
		c.add(path+".first", "must say when it is first protected")
	}
	if w.Every != 0 && (w.Every < stepMin || w.Every > 366*day) {
		c.add(path+".every", `must lie between "5m" and "366d"`)
	}
	if w.At != nil && (*w.At < 0 || *w.At >= day) {
		c.add(path+".at", `must be a time of day such as "20:30"`)
	}
	if w.RetentionDays < 0 || w.RetentionDays > retentionMax {
		c.add(path+".retentionDays", "must lie between 1 and %d", retentionMax)
	}
	for _, later := range []struct {
		key string
		at  When
	}{{"last", w.Last}, {"revoked", w.Revoked}, {"removed", w.Removed}} {
		if !later.at.IsZero() && later.at.anchor == w.First.anchor && later.at.resolve(time.Unix(0, 0)).Before(w.First.resolve(time.Unix(0, 0))) {
			c.add(path+"."+later.key, "lies before first")
		}
	}
}

func (c *checker) fault(path string, f *Fault) {
	row := faultRowOf(f.Kind)
	if row == nil {
		names := make([]string, len(faultRows))
		for i := range faultRows {
			names[i] = string(faultRows[i].kind)
		}
		c.add(path+".kind", "%q is not a kind of fault: write one of %s", clip(string(f.Kind)), strings.Join(names, ", "))
		return
	}
	if f.Path != "" && !row.at {
		c.add(path+".path", "a fault %s has no path", f.Kind)
	} else if f.Path != "" && !slices.Contains(endpointNames(), f.Path) {
		c.add(path+".path", "%q is not an endpoint: write one of %s", clip(f.Path), strings.Join(endpointNames(), ", "))
	}
	if f.Mode != "" && !slices.Contains(row.modes, f.Mode) {
		c.add(path+".mode", "%q is not a mode of %s; it knows: %s", clip(f.Mode), f.Kind, strings.Join(row.modes, ", "))
	}
	if f.Kind == FaultWrongClock && f.Offset == 0 {
		c.add(path+".offset", `must say by how much, such as "10m" or "-1h"`)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		c.add(path+".status", "must lie between 400 and 599")
	}
	if f.Bytes < 0 || f.Bytes > 1<<34 {
		c.add(path+".bytes", "must lie between 1 and 2^34")
	}
	if f.Delay < 0 || f.After < 0 || f.Times < -1 {
		c.add(path, "delay, after and times must not be negative (times = -1: always)")
	}
	c.span(path+".offset", f.Offset, 366*day)
}
