package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// subject is a company's statement, with what is kept of the company.
type subject struct {
	t          *statement.Statement // nil: it has none
	company    fleet.Company
	licenses   map[usage.ServerID]usage.License // of its servers, where they were asked for
	superseded int                              // the number of the final statement that stands in the place of this one; 0: none does
}

// name is what the company is called; what a statement says is as it was then.
func (s *subject) name() string {
	if s.t == nil {
		return s.company.Name
	}
	return s.t.CompanyName
}

// identityColumns say whose a row is, by all that other programs know a company by.
func identityColumns() []Column {
	return []Column{
		{Key: "company", Title: "Company", Kind: Text},
		{Key: "companyUid", Title: "Company UID", Kind: Text, Detail: true},
		{Key: "externalId", Title: "External ID", Kind: Text, Detail: true},
		{Key: "externalIds", Title: "External IDs", Kind: Text, Detail: true},
	}
}

// identity are the cells of identityColumns.
func (s *subject) identity() []Cell {
	uid := s.company.UID
	if s.t != nil {
		uid = s.t.CompanyUID
	}
	return []Cell{OfText(s.name()), OfText(uid), OfText(s.company.Profile.ExternalID), OfText(s.externalIDs())}
}

// numbers are those of its servers' licenses.
func (s *subject) numbers() map[usage.ServerID]statement.Numbers {
	numbers := make(map[usage.ServerID]statement.Numbers, len(s.licenses))
	for id := range s.licenses {
		numbers[id] = statement.Numbers{ID: s.licenses[id].ID, SupportID: s.licenses[id].SupportID}
	}
	return numbers
}

// externalIDs are the company's keys in other programs, as people name a company by one: "contract:9, psa:4711".
func (s *subject) externalIDs() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(s.company.ExternalIDs)) {
		words = append(words, key+":"+s.company.ExternalIDs[key])
	}
	return strings.Join(words, ", ")
}

// line is what one kind of license contributes to a row of a statement.
type line struct {
	statement.ShareRow
	class      statement.LicenseClass
	edition    string
	licensedTo string
	numbers    statement.Numbers
	weight     weight
	peakAt     *time.Time
}

// lines tells the rows of a statement apart by license, in the order of products, licenses and the catalogue.
func (s *subject) lines() (lines []line) {
	numbers := s.numbers()
	weights := weigh(s.t, numbers)
	for _, share := range s.t.SharesBy(numbers) {
		for _, r := range share.Rows {
			l := line{ShareRow: r, class: share.Class, edition: share.Edition, licensedTo: share.LicensedTo, numbers: share.Numbers}
			l.weight = weights[l.key()]
			for i := range s.t.Content.Rows {
				if row := &s.t.Content.Rows[i]; row.RowKey == r.RowKey {
					l.peakAt = row.PeakAt
				}
			}
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.compare(&b) })
	return lines
}

func (l *line) compare(o *line) int {
	return cmp.Or(
		cmp.Compare(classOrder(l.class), classOrder(o.class)), strings.Compare(l.licensedTo, o.licensedTo), cmp.Compare(l.Product.Index(), o.Product.Index()),
		strings.Compare(l.edition, o.edition), cmp.Compare(typeOrder(l.Type), typeOrder(o.Type)), strings.Compare(l.Type, o.Type), cmp.Compare(l.Unit, o.Unit),
		strings.Compare(l.numbers.SupportID, o.numbers.SupportID), strings.Compare(l.numbers.ID, o.numbers.ID),
	)
}

func classOrder(c statement.LicenseClass) int {
	return slices.Index([]statement.LicenseClass{statement.Provider, statement.Foreign, statement.Free}, c)
}

// typeOrder is a type's place in the program's own catalogue; what is not in it stands last.
func typeOrder(id string) int {
	latest := catalog.Latest()
	if t, known := latest.Type(id); known {
		return t.Order
	}
	return len(latest.Types()) + 1
}

// lineKey names a line of a statement.
type lineKey struct {
	statement.RowKey
	class               statement.LicenseClass
	edition, licensedTo string
	numbers             statement.Numbers
}

func (l *line) key() lineKey { return lineKey{l.RowKey, l.class, l.edition, l.licensedTo, l.numbers} }

// weight is what one object of a line weighs, from and to; mixed: that cannot be said of its sums.
type weight struct {
	low, high usage.Units
	mixed     bool
	known     bool
}

// weigh finds out what objects weigh, from what each server adds.
func weigh(t *statement.Statement, numbers map[usage.ServerID]statement.Numbers) map[lineKey]weight {
	weights := make(map[lineKey]weight)
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		for j := range v.Rows {
			r, then := &v.Rows[j], numbers[v.ID]
			if r.PeakLicense != nil {
				then = statement.Numbers{}
			}
			for _, a := range []struct {
				amount  statement.Amount
				license *statement.License
				numbers statement.Numbers
			}{{r.Used, cmp.Or(r.PeakLicense, v.License), then}, {r.New, v.License, numbers[v.ID]}, {r.Rental, v.License, numbers[v.ID]}} {
				key := lineKey{RowKey: r.RowKey, class: statement.Provider, numbers: a.numbers}
				if a.license != nil {
					key.class, key.edition, key.licensedTo = a.license.Class, a.license.Edition, a.license.LicensedTo
				}
				w := weights[key]
				w.take(a.amount)
				weights[key] = w
			}
		}
	}
	return weights
}

// take takes an amount into account, of which all objects weigh the same as far as can be seen.
func (w *weight) take(a statement.Amount) {
	if a.Count <= 0 {
		return
	}
	each := a.Units / usage.Units(a.Count)
	units, fits := each.Times(a.Count)
	w.join(weight{low: each, high: each, mixed: !fits || units != a.Units, known: true})
}

func (w *weight) join(o weight) {
	switch {
	case !o.known:
	case !w.known:
		*w = o
	default:
		w.low, w.high, w.mixed = min(w.low, o.low), max(w.high, o.high), w.mixed || o.mixed
	}
}

// String is for people: "1", "9–11", "mixed".
func (w *weight) String() string {
	switch {
	case !w.known:
		return ""
	case w.mixed:
		return "mixed"
	case w.low == w.high:
		return w.low.String()
	}
	return w.low.String() + "–" + w.high.String()
}

// figureColumns are those of every table of figures.
func figureColumns(peaks bool) []Column {
	return []Column{
		{Key: "product", Title: "Product", Kind: Text},
		{Key: "edition", Title: "Edition", Kind: Text},
		{Key: "type", Title: "Type", Kind: Text, Detail: true},
		{Key: "workload", Title: "Workload type", Kind: Text},
		{Key: "used", Title: "Used", Kind: Whole, Sum: true},
		{Key: "usedUnits", Title: "Units used", Kind: Units, Sum: true, Detail: true},
		{Key: "new", Title: "New", Kind: Whole, Sum: true},
		{Key: "newUnits", Title: "Units new", Kind: Units, Sum: true, Detail: true},
		{Key: "rental", Title: "Rental", Kind: Whole, Sum: true},
		{Key: "rentalUnits", Title: "Units rental", Kind: Units, Sum: true, Detail: true},
		{Key: "billed", Title: "Billed", Kind: Whole, Sum: true},
		{Key: "unitsEach", Title: "Units each", Kind: Text, Right: true},
		{Key: "unit", Title: "Unit", Kind: Text},
		{Key: "billedUnits", Title: "Units billed", Kind: Units, Sum: true},
		{Key: "peakAt", Title: "Peak at", Kind: Time, Detail: !peaks},
	}
}

// figures are the cells of figureColumns.
func (l *line) figures() []Cell {
	return []Cell{
		OfText(productName(l.Product)), OfText(l.edition), OfText(l.Type), OfText(catalog.TypeName(l.Type)),
		OfWhole(l.Used.Count), OfUnits(l.Used.Units), OfWhole(l.New.Count), OfUnits(l.New.Units), OfWhole(l.Rental.Count), OfUnits(l.Rental.Units),
		OfWhole(l.Billed.Count), OfText(l.weight.String()), OfText(string(l.Unit)), OfUnits(l.Billed.Units), OfTime(l.peakAt),
	}
}

// usageSection is the table of figures by company and license that has all that a program asks for in each row.
func usageSection(subjects, absent []subject, month usage.Month) (Section, error) {
	peaks, others := false, false
	var rows [][]Cell
	for i := range subjects {
		s := &subjects[i]
		lines := s.lines()
		for j := range lines {
			l := &lines[j]
			peaks, others = peaks || l.peakAt != nil, others || l.class != statement.Provider
			rows = append(rows, slices.Concat(s.about(month), []Cell{OfText(rowCompleteness(s.t, l.RowKey))}, l.license(), l.figures()))
		}
		if len(lines) == 0 { // nothing was used, or nothing was read: that it is there is said
			rows = append(rows, slices.Concat(s.about(month), []Cell{OfText(completeness(s.t))}, without(s.nothing())))
		}
	}
	for i := range absent {
		rows = append(rows, slices.Concat(absent[i].about(month), []Cell{OfText(isMissing)}, without("No statement")))
	}
	whose := identityColumns()
	whose[0].Detail = len(subjects) == 1 && len(absent) == 0
	sec := Section{
		Key: "usage", Title: "Usage", Main: true, By: "unit", Rows: rows,
		Columns: slices.Concat([]Column{
			{Key: "month", Title: "Month", Kind: Text, Detail: true},
		}, whose, []Column{
			{Key: "statement", Title: "Statement", Kind: Whole, Detail: true},
			{Key: "status", Title: "Status", Kind: Text, Detail: true},
			{Key: "supersededBy", Title: "Superseded by", Kind: Whole, Detail: true},
			{Key: "missing", Title: "Missing", Kind: Text, Detail: true},
			{Key: "completeness", Title: "Completeness", Kind: Text, Detail: true},
			{Key: "license", Title: "License", Kind: Text, Detail: !others},
			{Key: "licensedTo", Title: "Licensed to", Kind: Text, Detail: !others},
			{Key: "licenseId", Title: "License ID", Kind: Text, Detail: true},
			{Key: "supportId", Title: "Support ID", Kind: Text, Detail: true},
		}, figureColumns(peaks)),
	}
	if peaks {
		sec.Note = "Agents of a console are billed by the most that were used at one instant of the month, each type at its own (peak). Peaks of several types were not at one instant."
	}
	err := sec.total()
	return sec, err
}

// without are the cells of a line that has no figures, with a word on why in place of the workload type.
func without(why string) []Cell {
	const license, workload = 4, 3 // cells before those of the figures, and the place of the type's name in these
	cells := make([]Cell, license+len(figureColumns(false)))
	cells[license+workload] = OfText(why)
	return cells
}

// nothing says why a statement has no figures.
func (s *subject) nothing() string {
	servers := s.t.Content.Servers
	switch {
	case len(servers) == 0:
		return "No server"
	case slices.ContainsFunc(servers, func(v statement.Server) bool { return v.Unknown }):
		return "Not known"
	}
	return "Nothing used"
}

// withoutStatement says what is missing from a month in which a company has no statement.
const withoutStatement = "it has no statement of this month: nothing of it is in the figures"

// about says whose statement it is, and how it stands.
func (s *subject) about(month usage.Month) []Cell {
	number, lacking := Nothing(), withoutStatement
	if s.t != nil {
		number, lacking = ofNumber(s.t.Number), strings.Join(missing(s.t), "; ")
	}
	return slices.Concat([]Cell{OfText(month.String())}, s.identity(), []Cell{number, OfText(status(s.t)), ofNumber(s.superseded), OfText(lacking)})
}

// ofNumber is the number of a statement; 0 is none.
func ofNumber(n int) Cell {
	if n == 0 {
		return Nothing()
	}
	return OfWhole(int64(n))
}

// license says whose license a line is of.
func (l *line) license() []Cell {
	return []Cell{OfText(string(l.class)), OfText(l.licensedTo), OfText(l.numbers.ID), OfText(l.numbers.SupportID)}
}

// status says how a statement stands; of nil, that there is none.
func status(t *statement.Statement) string {
	switch {
	case t == nil:
		return NotFinal + ": no statement"
	case t.State == statement.Final:
		return "Final"
	case t.State == statement.Open:
		return NotFinal + ": not drafted yet"
	case t.State == statement.Approved && t.Unreviewed:
		return NotFinal + ": approved, unreviewed"
	case t.State == statement.Approved:
		return NotFinal + ": approved"
	}
	return NotFinal
}

func instant(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}
