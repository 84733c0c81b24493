package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	toml "github.com/pelletier/go-toml/v2"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Parse reads a scenario file (docs/scenario.md). Unknown keys are refused; the error is one Invalid fault
// that names every mistake by its path and line.
func Parse(data []byte) (*Scenario, error) {
	var root map[string]any
	if err := toml.Unmarshal(data, &root); err != nil {
		return nil, syntaxFault(err)
	}
	r := &reader{lines: indexLines(data)}
	s := r.scenario(r.table("", root))
	r.fields = append(r.fields, r.unreported(s.mistakes())...)
	for i := range r.fields {
		if line := r.lines.of(r.fields[i].Path); line > 0 {
			r.fields[i].Path += fmt.Sprintf(" (line %d)", line)
		}
	}
	if err := fault.InvalidFields("the scenario has mistakes", r.fields); err != nil {
		return nil, err
	}
	return s, nil
}

func syntaxFault(err error) error {
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		line, column := bad.Position()
		return fault.Wrap(err, fault.Invalid, "the scenario is not TOML: line %d, column %d: %s", line, column, strings.TrimPrefix(bad.Error(), "toml: "))
	}
	return fault.Wrap(err, fault.Invalid, "the scenario is not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
}

// reader turns the generic tree into a scenario and collects what does not fit.
type reader struct {
	lines  lines
	fields []fault.Field
}

func (r *reader) add(path, format string, args ...any) {
	r.fields = append(r.fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
}

// unreported drops the fields that the reader has already complained about, in other words.
func (r *reader) unreported(fields []fault.Field) []fault.Field {
	return slices.DeleteFunc(fields, func(f fault.Field) bool {
		return slices.ContainsFunc(r.fields, func(o fault.Field) bool { return o.Path == f.Path })
	})
}

// table is one table of the file; every key that is asked for counts as known.
type table struct {
	r     *reader
	path  string
	keys  map[string]any
	known map[string]bool
}

func (r *reader) table(path string, keys map[string]any) *table {
	return &table{r: r, path: path, keys: keys, known: map[string]bool{}}
}

func (t *table) at(name string) string {
	if t.path == "" {
		return name
	}
	return t.path + "." + name
}

func (t *table) value(name string) (any, bool) {
	t.known[name] = true
	v, ok := t.keys[name]
	return v, ok
}

// wrong says that a value is not of its type.
func (t *table) wrong(name, want string) { t.r.add(t.at(name), "must be %s", want) }

// done refuses the keys that nothing asked for.
func (t *table) done() {
	var unknown []string
	for k := range t.keys {
		if !t.known[k] {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	for _, k := range unknown {
		t.r.add(t.at(k), "is not a key of this table; it knows: %s", strings.Join(sortedKeys(t.known), ", "))
	}
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (t *table) text(name string) string {
	v, ok := t.value(name)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		t.wrong(name, "a text")
	}
	return s
}

func (t *table) flag(name string, missing bool) bool {
	v, ok := t.value(name)
	if !ok {
		return missing
	}
	b, ok := v.(bool)
	if !ok {
		t.wrong(name, "true or false")
	}
	return b
}

func (t *table) whole(name string) int64 {
	v, ok := t.value(name)
	if !ok {
		return 0
	}
	n, ok := v.(int64)
	if !ok {
		t.wrong(name, "a whole number")
	}
	return n
}

// count reads a whole number that, if stated, must be positive.
func (t *table) count(name string) int {
	n := t.whole(name)
	if _, ok := t.keys[name]; ok && (n < 1 || n >= 1<<31) {
		t.wrong(name, "a positive whole number")
		return 0
	}
	return int(n)
}

func (t *table) number(name string, missing float64) float64 {
	v, ok := t.value(name)
	if !ok {
		return missing
	}
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	t.wrong(name, "a number")
	return missing
}

func (t *table) when(name string) When {
	v, ok := t.value(name)
	if !ok {
		return When{}
	}
	switch at := v.(type) {
	case time.Time:
		return At(at)
	case toml.LocalDateTime:
		return At(at.AsTime(time.UTC))
	case toml.LocalDate:
		return At(at.AsTime(time.UTC))
	case string:
		w, err := ParseWhen(at)
		if err != nil {
			t.r.add(t.at(name), "%s", fault.Text(err))
			return When{anchor: anchorTime}
		}
		return w
	}
	t.wrong(name, "a time")
	return When{anchor: anchorTime}
}

// span reads "90s", "4h", "1d12h", with a sign in front where signed.
func (t *table) span(name string, signed bool) time.Duration {
	text := t.text(name)
	if text == "" {
		return 0
	}
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	d, err := parseSpan(rest)
	switch {
	case err != nil:
		t.r.add(t.at(name), "%s", fault.Text(err))
	case negative && !signed:
		t.wrong(name, "a span of time without a sign")
	case negative:
		return -d
	}
	return d
}

// timeOfDay reads "20:30" or a TOML time.
func (t *table) timeOfDay(name string) *time.Duration {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	var d time.Duration
	switch at := v.(type) {
	case toml.LocalTime:
		d = time.Duration(at.Hour)*time.Hour + time.Duration(at.Minute)*time.Minute + time.Duration(at.Second)*time.Second
		return &d
	case string:
		if c, err := time.Parse("15:04", at); err == nil {
			d = time.Duration(c.Hour())*time.Hour + time.Duration(c.Minute())*time.Minute
			return &d
		}
	}
	t.wrong(name, `a time of day such as "20:30"`)
	return nil
}

// utcOffset reads "+02:00".
func (t *table) utcOffset(name string) time.Duration {
	text := t.text(name)
	if text == "" {
		return 0
	}
	at, err := time.Parse("-07:00", text)
	if err != nil {
		t.wrong(name, `an offset from UTC such as "+02:00"`)
		return 0
	}
	_, seconds := at.Zone()
	return time.Duration(seconds) * time.Second
}

func (t *table) sub(name string) *table {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.wrong(name, "a table")
		return nil
	}
	return t.r.table(t.at(name), m)
}

// subs gives the tables of an array of tables.
func (t *table) subs(name string) []*table {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		t.wrong(name, fmt.Sprintf("an array of tables, [[%s]]", t.at(name)))
		return nil
	}
	var out []*table
	for i, item := range list {
		path := fmt.Sprintf("%s[%d]", t.at(name), i)
		if m, ok := item.(map[string]any); ok {
			out = append(out, t.r.table(path, m))
		} else {
			t.r.add(path, "must be a table")
		}
	}
	return out
}

func (t *table) texts(name string) []string {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		t.wrong(name, "an array of texts")
	}
	var out []string
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			t.wrong(name, "an array of texts")
			return nil
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) scenario(t *table) *Scenario {
	s := &Scenario{Seed: t.whole("seed"), Clock: ClockSpec{Speed: 1}}
	if c := t.sub("clock"); c != nil {
		start := c.when("start")
		if start.anchor > anchorTime {
			c.wrong("start", "a fixed time; leave it out to start now")
		}
		s.Clock.Start = start.resolve(time.Time{})
		s.Clock.Speed = c.number("speed", 1)
		c.done()
	}
	for _, c := range t.subs("company") {
		company := Company{Name: c.text("name"), CloudTenants: c.texts("cloudTenants")}
		if company.Name == "" {
			c.wrong("name", "a text that is not empty")
		}
		s.Companies = append(s.Companies, company)
		c.done()
	}
	for _, sv := range t.subs("server") {
		s.Servers = append(s.Servers, r.server(sv))
	}
	t.done()
	return s
}

func (r *reader) server(t *table) ServerSpec {
	s := ServerSpec{
		Name: t.text("name"), Company: t.text("company"), Product: usage.Product(t.text("product")), Shared: t.flag("shared", false),
		Wire: Wire(t.text("wire")), InstallationID: t.text("installationId"),
		Username: t.text("username"), Password: t.text("password"), Role: Role(t.text("role")),
		Grant: Grant(t.text("grant")), ExpiresIn: t.count("expiresIn"), Report: Report(t.text("report")),
		Identity: Identity(t.text("identity")), ListsNew: t.flag("listsNew", false), TenantObjects: t.flag("tenantObjects", false),
		PageMax: t.count("pageMax"), Platform: t.text("platform"),
		UTCOffset: t.utcOffset("utcOffset"), ClockOffset: t.span("clockOffset", true),
	}
	if l := t.sub("license"); l != nil {
		s.License = r.license(l)
	}
	for _, w := range t.subs("workload") {
		s.Workloads = append(s.Workloads, r.workload(w))
	}
	for _, f := range t.subs("fault") {
		s.Faults = append(s.Faults, r.fault(f))
	}
	t.done()
	return s
}

func (r *reader) license(t *table) LicenseSpec {
	l := LicenseSpec{
		Type: t.text("type"), Edition: t.text("edition"), Package: t.text("package"), Units: usage.UnitKind(t.text("units")),
		Licensed: t.number("licensed", 0), ID: t.text("id"), SupportID: t.text("supportId"), LicensedTo: t.text("licensedTo"),
		CloudConnect: t.text("cloudConnect"), Expires: t.when("expires"), SupportExpires: t.when("supportExpires"),
		NoAutoUpdate: !t.flag("autoUpdate", true), FreeAgents: t.flag("freeAgents", false),
	}
	if m := t.sub("multipliers"); m != nil {
		l.Multipliers = map[Kind]float64{}
		for k := range m.keys {
			l.Multipliers[Kind(k)] = m.number(k, 0)
		}
	}
	if s := t.sub("sockets"); s != nil {
		l.Sockets = &SocketSpec{Licensed: int(s.whole("licensed")), Package: s.text("package")}
		for _, h := range s.subs("host") {
			l.Sockets.Hosts = append(l.Sockets.Hosts, SocketHost{Name: h.text("name"), Sockets: h.count("sockets"), Cores: h.count("cores"), Type: h.text("type")})
			h.done()
		}
		s.done()
	}
	if c := t.sub("capacity"); c != nil {
		l.Capacity = &CapacitySpec{LicensedTB: c.number("licensedTb", 0)}
		c.done()
	}
	t.done()
	return l
}

func (r *reader) workload(t *table) WorkloadSpec {
	w := WorkloadSpec{
		Name: t.text("name"), Count: t.count("count"), Kind: Kind(t.text("kind")), Host: t.text("host"), Tenant: t.text("tenant"),
		TypeText: t.text("typeText"), Platform: t.text("platform"), SizeGB: t.number("sizeGb", 0),
		First: t.when("first"), Last: t.when("last"), Revoked: t.when("revoked"), Removed: t.when("removed"),
		Every: t.span("every", false), At: t.timeOfDay("at"), RetentionDays: t.count("retentionDays"),
		InstanceID: t.text("instanceId"), ObjectID: t.text("objectId"), MachineID: t.text("machineId"), Identity: Identity(t.text("identity")),
		RentalCovered: t.flag("rentalCovered", false), Socket: t.flag("socket", false), Capacity: t.flag("capacity", false),
	}
	if _, ok := t.value("units"); ok {
		units := t.number("units", 0)
		w.Units = &units
	}
	t.done()
	return w
}

func (r *reader) fault(t *table) Fault {
	f := Fault{
		Kind: FaultKind(t.text("kind")), From: t.when("from"), To: t.when("to"), Path: t.text("path"), Mode: t.text("mode"),
		Status: t.count("status"), Delay: t.span("delay", false), Offset: t.span("offset", true), Bytes: int64(t.count("bytes")),
		Text: t.text("text"), After: t.count("after"), Times: int(t.whole("times")),
	}
	t.done()
	return f
}
