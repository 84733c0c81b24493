package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthly is what the report of a month over all companies is made of.
type monthly struct {
	month    usage.Month
	subjects []subject // by company
	absent   []subject // companies that are to have a statement and have none
	standing statement.Standing
	lines    [][]line // of each subject
}

// ofMonth makes the consolidated report.
func ofMonth(m *monthly) (Document, error) {
	d := Document{Key: "month", Title: "License usage, all companies", Subject: m.month.String(), Mark: m.mark(), Missing: m.missing()}
	for i := range m.subjects {
		s := &m.subjects[i]
		m.lines = append(m.lines, s.lines())
		if at := changedAt(s.t); at.After(d.MadeAt) {
			d.MadeAt = at
		}
	}
	var err error
	if d.Facts, err = m.facts(&d); err != nil {
		return d, err
	}
	sections := []func() (Section, error){m.summary, m.companies}
	for _, whose := range m.licensees() {
		sections = append(sections, func() (Section, error) { return m.appendix(whose) }, func() (Section, error) { return m.appendixByLicense(whose) })
	}
	sections = append(sections, m.details, m.servers, m.statements)
	for _, build := range sections {
		s, err := build()
		if err != nil {
			return d, err
		}
		d.Sections = append(d.Sections, s)
	}
	d.dropEmpty()
	return d, nil
}

// missing says in words what is missing from the month, and of whom.
func (m *monthly) missing() (all []string) {
	for i := range m.subjects {
		for _, text := range missing(m.subjects[i].t) {
			all = append(all, m.subjects[i].name()+": "+text)
		}
	}
	for i := range m.absent {
		all = append(all, m.absent[i].name()+": "+withoutStatement)
	}
	return all
}

// mark says why the month is not final; empty: every company's statement is.
func (m *monthly) mark() string {
	states := m.states()
	if states == fmt.Sprintf("%d %s", len(m.subjects), statement.Final) {
		return ""
	}
	return NotFinal + ": " + states
}

// states says how many statements are in which state.
func (m *monthly) states() string {
	count := make(map[statement.State]int)
	for i := range m.subjects {
		count[m.subjects[i].t.State]++
	}
	var words []string
	for _, state := range []statement.State{statement.Draft, statement.Approved, statement.Final} {
		if n := count[state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	if n := len(m.absent); n > 0 {
		words = append(words, fmt.Sprintf("%d without a statement", n))
	}
	return strings.Join(words, ", ")
}

func (m *monthly) facts(d *Document) ([]Fact, error) {
	facts, err := headFacts(m.subjects[0].t, fmt.Sprintf("all-%s", m.month), cmp.Or(d.Mark, "Final"), d.MadeAt)
	if err != nil {
		return nil, err
	}
	facts = append(facts,
		Fact{"companies", "Companies", OfWhole(int64(len(m.subjects) + len(m.absent)))},
		Fact{"statements", "Statements", OfText(m.states())},
		Fact{"serversRead", "Servers read", OfWhole(int64(m.standing.Read))},
		Fact{"serversStale", "Servers stale", OfWhole(int64(m.standing.Stale))},
		Fact{"serversUnknown", "Servers not read", OfWhole(int64(m.standing.Unknown))},
		Fact{"gaps", "Gaps", OfWhole(int64(m.standing.Gaps))},
	)
	if c := m.standing.Coverage; c != nil {
		facts = append(facts, Fact{"coverage", "Least covered, %", OfUnits(*c)})
	}
	return facts, nil
}

// summed adds lines up that are alike but for whose they are: no table of sums says to whom licenses are issued.
func (m *monthly) summed(which func(*line) bool) (sums []line, err error) {
	at := make(map[lineKey]int)
	for _, lines := range m.lines {
		for i := range lines {
			l := &lines[i]
			if !which(l) {
				continue
			}
			key := lineKey{RowKey: l.RowKey, class: l.class, edition: l.edition}
			n, known := at[key]
			if !known {
				n = len(sums)
				at[key] = n
				sums = append(sums, line{ShareRow: statement.ShareRow{RowKey: l.RowKey}, class: l.class, edition: l.edition})
			}
			if err := sums[n].plus(l); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(sums, func(a, b line) int { return a.compare(&b) })
	return sums, nil
}

func (l *line) plus(o *line) error {
	for _, pair := range [][2]*statement.Amount{{&l.Used, &o.Used}, {&l.New, &o.New}, {&l.Rental, &o.Rental}, {&l.Billed, &o.Billed}} {
		units, fits := usage.Add(pair[0].Units, pair[1].Units)
		if !fits {
			return fault.New(fault.Internal, "the units of all companies add up to more than can be counted")
		}
		*pair[0] = statement.Amount{Count: pair[0].Count + pair[1].Count, Units: units}
	}
	l.weight.join(o.weight)
	return nil
}

func (m *monthly) summary() (Section, error) {
	s, err := m.block(func(l *line) bool { return l.class == statement.Provider })
	s.Key, s.Title, s.Note = "summary", "Summary", "What is used of the provider's licenses."
	return s, err
}

// block is a table of figures over all companies.
func (m *monthly) block(which func(*line) bool) (Section, error) {
	columns := figureColumns(false)
	s := Section{By: "unit", Columns: columns[:len(columns)-1]} // peaks are each company's own
	sums, err := m.summed(which)
	if err != nil {
		return s, err
	}
	for i := range sums {
		s.Rows = append(s.Rows, sums[i].figures()[:len(s.Columns)])
	}
	err = s.total()
	return s, err
}

// companies is the overview: its totals are those of the summary and the appendices.
func (m *monthly) companies() (Section, error) {
	s := Section{Key: "companies", Title: "Overview by company", By: "unit", Columns: append(identityColumns(), []Column{
		{Key: "reseller", Title: "Reseller", Kind: Whole, Detail: true},
		{Key: "kind", Title: "Kind", Kind: Text},
		{Key: "statement", Title: "Statement", Kind: Text},
		{Key: "status", Title: "Status", Kind: Text},
		{Key: "complete", Title: "Complete", Kind: Text},
		{Key: "unit", Title: "Unit", Kind: Text},
		{Key: "ownUnits", Title: "Of own licenses", Kind: Units, Sum: true},
		{Key: "otherUnits", Title: "Of other licenses", Kind: Units, Sum: true},
		{Key: "billedUnits", Title: "Units billed", Kind: Units, Sum: true},
	}...)}
	for i := range m.subjects {
		c := &m.subjects[i]
		about := c.overview()
		rows, err := byUnit(m.lines[i])
		if err != nil {
			return s, err
		}
		for _, r := range rows {
			s.Rows = append(s.Rows, append(slices.Clone(about), OfText(string(r.unit)), OfUnits(r.own), OfUnits(r.others), OfUnits(r.all)))
		}
		if len(rows) == 0 {
			s.Rows = append(s.Rows, append(about, make([]Cell, 4)...))
		}
	}
	for i := range m.absent {
		s.Rows = append(s.Rows, append(m.absent[i].overview(), make([]Cell, 4)...))
	}
	err := s.total()
	return s, err
}

// overview says whose statement it is, for a table over all.
func (s *subject) overview() []Cell {
	kind, reseller := "company", Nothing()
	switch {
	case s.company.ID == usage.Unassigned:
		kind = "unassigned"
	case s.company.Profile.Reseller != 0:
		kind, reseller = "reseller's client", OfWhole(s.company.Profile.Reseller)
	}
	id, stands, complete := Nothing(), "No statement", "no"
	if s.t != nil {
		id, stands = OfText(statementID(s.t)), status(s.t)
		complete = map[string]string{isComplete: "yes", isAssumed: isAssumed, inPart: "no"}[completeness(s.t)]
	}
	return append(s.identity(), reseller, OfText(kind), id, OfText(stands), OfText(complete))
}

// unitSum is what a company bills in one kind of units.
type unitSum struct {
	unit             usage.UnitKind
	own, others, all usage.Units
}

func byUnit(lines []line) (sums []unitSum, err error) {
	for i := range lines {
		l := &lines[i]
		at := slices.IndexFunc(sums, func(s unitSum) bool { return s.unit == l.Unit })
		if at < 0 {
			at = len(sums)
			sums = append(sums, unitSum{unit: l.Unit})
		}
		part := &sums[at].own
		if l.class != statement.Provider {
			part = &sums[at].others
		}
		all, fits := usage.Add(sums[at].all, l.Billed.Units)
		if !fits {
			return nil, fault.New(fault.Internal, "the units of a company add up to more than can be counted")
		}
		*part, sums[at].all = *part+l.Billed.Units, all
	}
	slices.SortFunc(sums, func(a, b unitSum) int { return cmp.Compare(a.unit, b.unit) })
	return sums, nil
}

// licensee is whom licenses are issued to that are not the provider's, or are free.
type licensee struct {
	class statement.LicenseClass
	name  string
}

// licensees lists those, each of which has an appendix.
func (m *monthly) licensees() (all []licensee) {
	for _, lines := range m.lines {
		for i := range lines {
			if l := (licensee{lines[i].class, lines[i].licensedTo}); l.class != statement.Provider && !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, func(a, b licensee) int {
		return cmp.Or(cmp.Compare(classOrder(a.class), classOrder(b.class)), strings.Compare(a.name, b.name))
	})
	return all
}

func (m *monthly) appendix(whose licensee) (Section, error) {
	s, err := m.block(func(l *line) bool { return l.class == whose.class && l.licensedTo == whose.name })
	s.Key, s.Title = "appendix-"+whose.key(), whose.title("")
	return s, err
}

func (w licensee) key() string { return string(w.class) + "-" + w.name }

// title is that of a table about its licenses.
func (w licensee) title(how string) string {
	kind := "Licenses of others"
	if w.class == statement.Free {
		kind = "Free and evaluation licenses"
	}
	return kind + how + ": " + cmp.Or(w.name, "nobody named")
}

// appendixByLicense tells the figures of an appendix by company, support id and license.
func (m *monthly) appendixByLicense(whose licensee) (Section, error) {
	s, err := byLicense(m.subjects, m.lines, func(l *line) bool { return l.class == whose.class && l.licensedTo == whose.name })
	s.Key, s.Title = "licenses-"+whose.key(), whose.title(", each")
	return s, err
}

// byLicense is a table of lines by company, support id and license; lines are those of each subject.
func byLicense(subjects []subject, lines [][]line, which func(*line) bool) (Section, error) {
	s := Section{By: "unit", Columns: slices.Concat(identityColumns(), []Column{
		{Key: "supportId", Title: "Support ID", Kind: Text},
		{Key: "licenseId", Title: "License ID", Kind: Text},
	}, figureColumns(false))}
	s.Columns[0].Detail = len(subjects) == 1
	for i := range subjects {
		whose, of := subjects[i].identity(), slices.Clone(lines[i])
		slices.SortStableFunc(of, func(a, b line) int {
			return cmp.Or(strings.Compare(a.numbers.SupportID, b.numbers.SupportID), strings.Compare(a.numbers.ID, b.numbers.ID))
		})
		for j := range of {
			if l := &of[j]; which(l) {
				s.Rows = append(s.Rows, slices.Concat(whose, []Cell{OfText(l.numbers.SupportID), OfText(l.numbers.ID)}, l.figures()))
			}
		}
	}
	err := s.total()
	return s, err
}

func (m *monthly) details() (Section, error) {
	s, err := usageSection(m.subjects, m.absent, m.month)
	s.Title, s.Columns[s.column("company")].Detail = "Usage by company", false
	return s, err
}

func (m *monthly) servers() (Section, error) {
	s := servers(m.subjects)
	s.Note = "IDs are those of licenses that are not the provider's, and of the other servers of companies that have such."
	if len(m.subjects) == 1 {
		s.Columns[0].Detail = false
	}
	return s, nil
}

// statements lists what the month is made of.
func (m *monthly) statements() (Section, error) {
	s := Section{Key: "statements", Title: "Statements", Note: "The SHA-256 is that of statement.json in the statement's signed bundle.", Columns: []Column{
		{Key: "company", Title: "Company", Kind: Text},
		{Key: "statement", Title: "Statement", Kind: Text},
		{Key: "finalisedAt", Title: "Finalised", Kind: Time},
		{Key: "finalisedBy", Title: "By", Kind: Text},
		{Key: "statementSha256", Title: "SHA-256", Kind: Text},
		{Key: "recordedUntil", Title: "Recorded until", Kind: Time, Detail: true},
		{Key: "catalogue", Title: "Catalogue", Kind: Text, Detail: true},
	}}
	for i := range m.subjects {
		t := m.subjects[i].t
		end, err := finalOf(t)
		if err != nil {
			return s, err
		}
		s.Rows = append(s.Rows, []Cell{
			OfText(t.CompanyName), OfText(statementID(t)), OfTime(end.at), OfText(end.by), OfText(end.sha256), OfTime(t.CutoffAt), OfText(t.Content.Catalog),
		})
	}
	return s, nil
}
