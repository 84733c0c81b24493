package bundle

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// evidence is what a bundle says that its statement was counted from.
type evidence struct {
	company  usage.CompanyID
	facts    []factsLine
	at       map[moment]int
	readings []usage.Snapshot
	lists    []listLine
	rows     []rowParsed
	periods  map[usage.ServerID]periodLine
	dated    []usage.Fact
	by       map[subject][]usage.Fact
	catalogs map[string]*catalog.Catalog
}

type rowParsed struct {
	workload usage.Workload
	age      metering.Evidence
}

// readEvidence reads all lines; what they are made of is put together only when it is asked for.
func readEvidence(files map[string]file) (*evidence, error) {
	e := &evidence{at: make(map[moment]int), periods: make(map[usage.ServerID]periodLine), by: make(map[subject][]usage.Fact)}
	err := firstOf(
		func() error { return decodeLines(files[datedFile], e.takeDated) },
		func() error { return e.takeReadings(files[readingsFile]) },
		func() error { return decodeLines(files[rowsFile], e.takeRow) },
		func() error { return decodeLines(files[listsFile], e.takeList) },
		func() error { return decodeLines(files[factsFile], e.takeFacts) },
		func() error { return decodeLines(files[periodsFile], e.takePeriod) },
	)
	return e, err
}

func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (e *evidence) takeDated(where string, l factLine) error {
	if before := e.about(l.Subject, l.Attribute); len(before) > 0 && before[len(before)-1].Position >= l.Position {
		return fault.New(fault.Invalid, "%s is not behind the fact before it", where)
	}
	f := usage.Fact{Subject: l.Subject, Attribute: l.Attribute, Value: l.Value, ValidFrom: l.ValidFrom.Time, Position: l.Position}
	about := subject{l.Subject, l.Attribute}
	e.dated, e.by[about] = append(e.dated, f), append(e.by[about], f)
	return nil
}

// takeReadings reads the heads of readings, which have their own form.
func (e *evidence) takeReadings(f file) error {
	return decodeLines(f, func(where string, text rawLine) error {
		s, err := usage.ParseSnapshot(text)
		if err == nil {
			err = s.Normalize(false)
		}
		switch {
		case err != nil:
			return fault.Wrap(err, fault.Invalid, "%s cannot be read: %v", where, err)
		case s.Workloads != nil || !bytes.Equal(s.Canonical(), text):
			return notOurs(where)
		}
		e.readings = append(e.readings, s)
		return nil
	})
}

// rawLine is a line that is read as it stands.
type rawLine []byte

func (r rawLine) MarshalJSON() ([]byte, error) { return r, nil }

func (r *rawLine) UnmarshalJSON(text []byte) error {
	*r = bytes.Clone(text)
	return nil
}

func (e *evidence) takeRow(where string, l rowLine) error {
	list, err := usage.ParseWorkloads(slices.Concat([]byte("["), l.Workload, []byte("]")))
	if err != nil || len(list) != 1 {
		return fault.Wrap(err, fault.Invalid, "%s does not hold one workload", where)
	}
	row := rowParsed{list[0], metering.Evidence{
		Stated: timeOf(l.Evidence.Stated), FirstListed: l.Evidence.FirstListed.Time, FirstListsNew: l.Evidence.FirstListsNew,
		AbsentBefore: timeOf(l.Evidence.AbsentBefore),
	}}
	if again := rowOf(&row.workload, &row.age); !bytes.Equal(again.Workload, l.Workload) {
		return notOurs(where)
	}
	e.rows = append(e.rows, row)
	return nil
}

// takeList: its rows are those of other lines, each once.
func (e *evidence) takeList(where string, l listLine) error {
	seen := make(map[int]bool, len(l.Rows))
	for _, n := range l.Rows {
		if n < 0 || n >= len(e.rows) || seen[n] {
			return fault.New(fault.Invalid, "%s names row %d, which is not there or twice in it", where, n)
		}
		seen[n] = true
	}
	e.lists = append(e.lists, l)
	return nil
}

func (e *evidence) takeFacts(where string, l factsLine) error {
	of := moment{l.Product, l.At.UnixMicro()}
	if _, twice := e.at[of]; twice {
		return fault.New(fault.Invalid, "%s says a second thing of %s at %s", where, l.Product, l.At.Format(time.RFC3339Nano))
	}
	last := usage.ServerID(0)
	for i := range l.Servers {
		s := &l.Servers[i]
		switch {
		case s.ID <= last:
			return fault.New(fault.Invalid, "%s names server %d twice, or not in its place", where, s.ID)
		case !names(s.Reading, len(e.readings)), !names(s.List, len(e.lists)), s.List != nil && s.Reading == nil:
			return fault.New(fault.Invalid, "%s names a reading or a list of server %d that is not there", where, s.ID)
		case s.Interval < 0 || s.Interval > intervalMax:
			return fault.New(fault.Invalid, "%s says that server %d is read every %d s", where, s.ID, s.Interval)
		}
		last = s.ID
	}
	e.at[of] = len(e.facts)
	e.facts = append(e.facts, l)
	return nil
}

// intervalMax keeps three times it far from overflow, in seconds.
const intervalMax = 1 << 31

func names(n *int, of int) bool { return n == nil || *n >= 0 && *n < of }

func (e *evidence) takePeriod(where string, l periodLine) error {
	if _, twice := e.periods[l.Server]; twice {
		return fault.New(fault.Invalid, "%s is a second one of server %d", where, l.Server)
	}
	e.periods[l.Server] = l
	return nil
}

// At puts the facts together and counts them.
func (e *evidence) At(ctx context.Context, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	n, known := e.at[moment{product, at.UnixMicro()}]
	if !known {
		return metering.Facts{}, nil, fault.New(fault.Invalid, "the evidence says nothing of %s at %s", product, at.UTC().Format(time.RFC3339Nano))
	}
	return e.count(ctx, &e.facts[n])
}

func (e *evidence) count(ctx context.Context, l *factsLine) (facts metering.Facts, tally *metering.Tally, err error) {
	if facts, err = e.put(l); err != nil {
		return facts, nil, err
	}
	weights, err := e.Catalog(ctx, facts.Catalog)
	if err != nil {
		return facts, nil, err
	}
	t, err := metering.Count(weights, facts)
	return facts, &t, err
}

func (e *evidence) put(l *factsLine) (metering.Facts, error) {
	facts := metering.Facts{Company: e.company, Product: l.Product, At: l.At.Time, Catalog: l.Catalog}
	zone, err := time.LoadLocation(l.Zone)
	if err != nil || l.Zone == "" || l.Zone == "Local" {
		return facts, fault.Wrap(err, fault.Invalid, "this machine does not know the time zone %q", l.Zone)
	}
	facts.Zone = zone
	for i := range l.Servers {
		s := &l.Servers[i]
		out := metering.Server{
			ID: s.ID, Name: s.Name, Shared: s.Shared, Domain: s.Domain, Authority: metering.Authority(s.Authority), Interval: time.Duration(s.Interval) * time.Second,
			Cloned: s.Cloned,
		}
		if s.Reading != nil {
			out.Snapshot = &e.readings[*s.Reading]
		}
		if s.List != nil {
			out.List = e.list(&e.lists[*s.List])
		}
		facts.Servers = append(facts.Servers, out)
	}
	return facts, nil
}

func (e *evidence) list(l *listLine) *metering.List {
	out := &metering.List{TakenAt: l.TakenAt.Time, Workloads: make([]usage.Workload, len(l.Rows)), Evidence: make([]metering.Evidence, len(l.Rows))}
	for i, n := range l.Rows {
		out.Workloads[i], out.Evidence[i] = e.rows[n].workload, e.rows[n].age
	}
	return out
}

// Examined goes through what is said of the stretch of time; the first instant must be there.
func (e *evidence) Examined(ctx context.Context, product usage.Product, from, until time.Time, visit func(metering.Facts, *metering.Tally)) error {
	if _, _, err := e.At(ctx, product, from); err != nil {
		return err
	}
	var lines []*factsLine
	for i := range e.facts {
		if l := &e.facts[i]; l.Product == product && !l.At.Before(from) && l.At.Before(until) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b *factsLine) int { return a.At.Compare(b.At.Time) })
	for _, l := range lines {
		facts, tally, err := e.count(ctx, l)
		if err != nil {
			return err
		}
		if statement.IsExamined(tally, from) {
			visit(facts, tally)
		}
	}
	return nil
}

// Period gives what is said of a server.
func (e *evidence) Period(_ context.Context, server usage.ServerID, _, _ time.Time) (p ledger.Period, err error) {
	l, known := e.periods[server]
	if !known {
		return p, fault.New(fault.Invalid, "the evidence does not say how server %d was read", server)
	}
	p.Before = timeOf(l.Before)
	for _, t := range l.Taken {
		p.Taken = append(p.Taken, t.Time)
	}
	for _, g := range l.Gaps {
		p.Gaps = append(p.Gaps, usage.Gap{At: g.At.Time, Reason: g.Reason, Text: g.Text})
	}
	return p, nil
}

// Licensees gives the dated facts of them.
func (e *evidence) Licensees(context.Context) ([]usage.Fact, error) {
	return e.about(usage.PolicySubject, usage.AttrLicensees), nil
}

func (e *evidence) about(of usage.Subject, attribute usage.Attribute) []usage.Fact {
	return e.by[subject{of, attribute}]
}

// Catalog gives one of the bundle's.
func (e *evidence) Catalog(_ context.Context, version string) (*catalog.Catalog, error) {
	c, there := e.catalogs[version]
	if !there {
		return nil, fault.New(fault.Invalid, "the bundle holds no catalogue %q", version)
	}
	return c, nil
}
