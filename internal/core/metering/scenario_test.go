package metering_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// TestScenarios tells the stories of testdata: see testdata/README.md for the words that they are written in.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, txtar.Parse(text))
		})
	}
}

// Every worked example of counting.md has its file.
func TestEveryExampleHasAScenario(t *testing.T) {
	t.Parallel()
	for n := range 16 {
		if _, err := os.Stat(fmt.Sprintf("testdata/E%02d.txtar", n+1)); err != nil {
			t.Error(err)
		}
	}
}

func runScenario(t *testing.T, a *txtar.Archive) {
	if len(a.Comment) == 0 || len(a.Files) < 2 || a.Files[0].Name != "ledger" {
		t.Fatal("a scenario is a story, then the ledger, then answers")
	}
	s := &scenario{h: &history{zone: time.UTC, tenants: map[string]usage.CompanyID{}}, byName: map[string]*serverHistory{}}
	for i, line := range strings.Split(string(a.Files[0].Data), "\n") {
		if err := s.line(line); err != nil {
			t.Fatalf("ledger, line %d: %v", i+1, err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files[1:] {
		got, err := s.answer(f.Name)
		if err != nil {
			t.Fatalf("%q: %v", f.Name, err)
		}
		if want := strings.TrimSpace(string(f.Data)); strings.TrimSpace(got) != want {
			t.Errorf("%s\n--- want\n%s\n--- got\n%s", f.Name, want, got)
		}
	}
}

// scenario is a ledger being written.
type scenario struct {
	h       *history
	byName  map[string]*serverHistory
	reading *usage.Snapshot // being written
	of      *serverHistory
}

func (s *scenario) line(line string) error {
	body, _, _ := strings.Cut(line, "#")
	words := strings.Fields(body)
	if len(words) == 0 {
		return nil
	}
	if strings.HasPrefix(line, " ") {
		if s.reading == nil {
			return fmt.Errorf("an indented line belongs to a reading")
		}
		return s.row(words)
	}
	if err := s.flush(); err != nil {
		return err
	}
	switch words[0] {
	case "zone":
		zone, err := time.LoadLocation(words[1])
		s.h.zone = zone
		return err
	case "tenant":
		return s.tenant(words[1:])
	case "server":
		return s.server(words[1:])
	case "reading":
		return s.begin(words[1:])
	}
	return fmt.Errorf("%q is none of zone, tenant, server, reading", words[0])
}

// flush ends the reading that is being written.
func (s *scenario) flush() error {
	if s.reading == nil {
		return nil
	}
	r := *s.reading
	s.reading = nil
	if err := r.Normalize(s.of.shared()); err != nil {
		return err
	}
	s.of.add(r)
	return nil
}

// keys takes key=value words apart; every key must be taken.
type keys struct {
	values map[string]string
	err    error
}

func keysOf(words []string) *keys {
	k := &keys{values: map[string]string{}}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if _, twice := k.values[name]; twice {
			k.err = fmt.Errorf("%s stands here twice", name)
		}
		k.values[name] = value
	}
	return k
}

func (k *keys) text(name, missing string) string {
	value, ok := k.values[name]
	if !ok {
		return missing
	}
	delete(k.values, name)
	return strings.ReplaceAll(value, "_", " ")
}

func (k *keys) flag(name string) bool {
	_, ok := k.values[name]
	delete(k.values, name)
	return ok
}

func (k *keys) note(err error) {
	if k.err == nil {
		k.err = err
	}
}

func (k *keys) units(name string) *usage.Units {
	text := k.text(name, "")
	if text == "" {
		return nil
	}
	u, _, err := usage.ParseUnits(text)
	k.note(err)
	return &u
}

func (k *keys) count(name string) int64 {
	n, err := strconv.ParseInt(k.text(name, "0"), 10, 64)
	k.note(err)
	return n
}

func (k *keys) time(name string) *time.Time {
	text := k.text(name, "")
	if text == "" {
		return nil
	}
	at, err := parseTime(text)
	k.note(err)
	return &at
}

func (k *keys) done() error {
	for name := range k.values {
		k.note(fmt.Errorf("%s is not a word that we know here", name))
	}
	return k.err
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05.999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-10-14T02:00 (UTC)", text)
}

func (s *scenario) tenant(words []string) error {
	k := keysOf(words[1:])
	s.h.tenants[words[0]] = usage.CompanyID(k.count("company"))
	return k.done()
}

func (s *scenario) server(words []string) error {
	k := keysOf(words[1:])
	every, err := time.ParseDuration(k.text("every", "4h"))
	k.note(err)
	server := &serverHistory{
		id: usage.ServerID(len(s.h.servers) + 1), name: words[0], product: usage.Product(k.text("product", "vbr")), company: 2,
		domain: k.text("domain", ""), authority: metering.Authority(k.text("authority", "reported")), interval: every,
	}
	if k.flag("shared") {
		server.company = 0
	} else if company := k.count("company"); company != 0 {
		server.company = usage.CompanyID(company)
	}
	if removed := k.time("removed"); removed != nil {
		server.removed = *removed
	}
	s.h.servers = append(s.h.servers, server)
	s.byName[server.name] = server
	return k.done()
}

func (s *scenario) begin(words []string) error {
	server := s.byName[words[0]]
	if server == nil {
		return fmt.Errorf("there is no server %s", words[0])
	}
	at, err := parseTime(words[1])
	if err != nil {
		return err
	}
	k := keysOf(words[2:])
	s.of = server
	s.reading = &usage.Snapshot{
		TakenAt: at, Product: server.product,
		Server: usage.ServerFacts{Name: server.name, InstallationID: k.text("installation", server.name)},
		License: usage.License{
			Type: usage.LicenseType(k.text("license", "Rental")), Edition: k.text("edition", ""), Package: k.text("package", ""),
			Unit: usage.UnitKind(k.text("unit", "")),
		},
		ListsNew: k.text("listsNew", "true") == "true", Workloads: []usage.Workload{},
	}
	return k.done()
}

func (s *scenario) row(words []string) error {
	switch {
	case strings.Join(words, " ") == "list not read":
		s.reading.Workloads = nil
		return nil
	case words[0] == "counter":
		return s.counter(words[1:])
	case len(words) < 3:
		return fmt.Errorf("a row is: how many, name, type, what is stated")
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return fmt.Errorf("a row begins with how many machines it stands for: %w", err)
	}
	k := keysOf(words[3:])
	w := usage.Workload{
		Name: words[1], Type: words[2], MachineID: k.text("machine", ""), Tenant: k.text("tenant", ""),
		RentalCovered: k.flag("rental-covered"), Revoked: k.flag("revoked"), Units: k.units("units"), SizeGB: k.units("sizeGb"),
		FirstProtectedAt: k.time("first"), LastProtectedAt: k.time("last"),
	}
	id := k.text("id", words[1])
	for i := range n {
		w.ID = id
		if n > 1 {
			w.ID = fmt.Sprintf("%s-%d", id, i+1)
		}
		s.reading.Workloads = append(s.reading.Workloads, w)
	}
	return k.done()
}

func (s *scenario) counter(words []string) error {
	k := keysOf(words[1:])
	s.reading.Counters = append(s.reading.Counters, usage.Counter{
		Type: words[0], Multiplier: k.units("multiplier"), Used: k.count("used"), New: k.count("new"), Rental: k.count("rental"),
		Removed: k.count("removed"), UsedUnits: k.units("usedUnits"), NewUnits: k.units("newUnits"), RentalUnits: k.units("rentalUnits"),
	})
	return k.done()
}

// answer counts what a section's name asks for: "company 2, vbr, 2026-10-20T00:00", or its differences.
func (s *scenario) answer(name string) (string, error) {
	question, differences := strings.CutPrefix(name, "differences, ")
	company, product, at, err := ask(question)
	if err != nil {
		return "", err
	}
	if differences {
		return s.differences(company, product, at)
	}
	tally, err := metering.Count(catalog.Latest(), s.h.facts(company, product, at))
	if err != nil {
		return "", err
	}
	return describe(&tally), nil
}

func ask(question string) (company usage.CompanyID, product usage.Product, at time.Time, err error) {
	parts := strings.Split(question, ", ")
	if len(parts) != 3 {
		return 0, "", at, fmt.Errorf("an answer is named: company 2, vbr, 2026-10-20T00:00")
	}
	company = usage.Unassigned
	if parts[0] != "unassigned" {
		n, err := strconv.Atoi(strings.TrimPrefix(parts[0], "company "))
		if err != nil {
			return 0, "", at, err
		}
		company = usage.CompanyID(n)
	}
	at, err = parseTime(parts[2])
	return company, usage.Product(parts[1]), at, err
}

// describe writes a tally as the scenarios do.
func describe(t *metering.Tally) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, r := range t.Rows {
		text := r.Type
		if r.Unit == usage.Points {
			text += ", points"
		}
		line("%s%s", text, amounts(&r))
	}
	if len(t.Rows) == 0 {
		line("nothing")
	}
	states := map[metering.State]int{}
	for _, m := range t.Members {
		states[m.State]++
	}
	for _, s := range []metering.State{metering.Covered, metering.Lapsed, metering.Revoked} {
		if states[s] > 0 {
			line("%s: %d", s, states[s])
		}
	}
	for _, s := range t.Servers {
		switch {
		case s.Unknown:
			line("unknown: %s", s.Name)
		case s.Stale:
			line("stale: %s", s.Name)
		}
	}
	for _, f := range t.Flags {
		line("%s", strings.TrimSpace(fmt.Sprintf("flag: %s %s", f.Kind, f.Type)))
	}
	if t.NoSource {
		line("no source")
	}
	if t.Complete == slices.ContainsFunc(t.Servers, func(s metering.Source) bool { return s.Unknown || s.Stale }) {
		line("complete: %v", t.Complete) // shown only where it contradicts the lines above
	}
	return b.String()
}

// amounts writes what a row holds.
func amounts(r *metering.Row) (text string) {
	for _, a := range []struct {
		name string
		metering.Amount
	}{{"used", r.Used}, {"new", r.New}, {"rental", r.Rental}} {
		if a.Amount != (metering.Amount{}) {
			text += fmt.Sprintf(", %s %d / %s", a.name, a.Count, a.Units)
		}
	}
	return text
}
