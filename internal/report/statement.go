package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// ofStatement makes the report of one company's statement.
func ofStatement(s *subject, workloads []statement.Workload) (Document, error) {
	t := s.t
	own := *s
	own.licenses = s.ownLicenses()
	d := Document{
		Key: "statement", Title: "License usage statement", Subject: t.CompanyName + ", " + t.Month, MadeAt: changedAt(t), Mark: markOf(t), Missing: missing(t),
	}
	if len(t.Content.Servers) == 0 {
		d.Notes = append(d.Notes, "No backup server belonged to this company: there was nothing to count.")
	}
	if s.superseded > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("Statement %d of this month stands in the place of this one.", s.superseded))
	}
	var err error
	if d.Facts, err = statementFacts(s); err != nil {
		return d, err
	}
	table, err := usageSection([]subject{own}, nil, t.Key().Month)
	if err != nil {
		return d, err
	}
	lines := own.lines()
	named := slices.ContainsFunc(lines, func(l line) bool { return l.numbers != (statement.Numbers{}) })
	numbers, err := byLicense([]subject{own}, [][]line{lines}, func(*line) bool { return named }) // all of them, so that its totals are those of the figures
	if err != nil {
		return d, err
	}
	numbers.Key, numbers.Title, numbers.Note = "licenses", "Usage by license", "Lines without numbers are of shared servers, or of licenses whose numbers are not known."
	d.Sections = []Section{
		table, numbers, adjustments(t), differences(t), servers([]subject{own}), serverFigures(t), issues(t), trail(t), behind(t, workloads),
	}
	d.dropEmpty()
	return d, nil
}

// ownLicenses leaves those of shared servers out, whose numbers are the provider's and no company's; what belongs to nobody is
// the provider's, too.
func (s *subject) ownLicenses() map[usage.ServerID]usage.License {
	own := maps.Clone(s.licenses)
	for i := range s.t.Content.Servers {
		if v := &s.t.Content.Servers[i]; v.Shared && s.t.Company != usage.Unassigned {
			delete(own, v.ID)
		}
	}
	return own
}

// dropEmpty takes tables without rows out, but for the one of the figures.
func (d *Document) dropEmpty() {
	kept := d.Sections[:0]
	for i := range d.Sections {
		if s := d.Sections[i]; s.Main || len(s.Rows) > 0 {
			kept = append(kept, s)
		}
	}
	d.Sections = kept
}

// changedAt is when a statement was last changed; of one that was not drafted, up to when it counts.
func changedAt(t *statement.Statement) time.Time {
	if n := len(t.Trail); n > 0 {
		return t.Trail[n-1].At
	}
	return t.Content.At
}

// markOf says why a statement is not final; empty: it is.
func markOf(t *statement.Statement) string {
	if t.State == statement.Final {
		return ""
	}
	return status(t)
}

// statementID names a statement: company, month and number.
func statementID(t *statement.Statement) string { return idOf(t, t.Number) }

// idOf names the one with a number of a statement's month.
func idOf(t *statement.Statement, number int) string {
	return fmt.Sprintf("%d-%s-%d", t.Company, t.Month, number)
}

// final is what is said of a statement's end; of one that is not final, nothing.
type final struct {
	at     *time.Time
	by     string
	sha256 string
}

func finalOf(t *statement.Statement) (f final, err error) {
	if at, is := t.FinalisedAt(); is {
		f.at, f.by = &at, t.Trail[len(t.Trail)-1].Actor
		f.sha256, err = digest(t)
	}
	return f, err
}

// headFacts say of when a report is, what it is called and how it stands.
func headFacts(t *statement.Statement, id, status string, madeAt time.Time) ([]Fact, error) {
	zone, err := time.LoadLocation(t.Content.Zone)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the zone %q of the statement %s is not known here", t.Content.Zone, statementID(t))
	}
	month := t.Key().Month
	return []Fact{
		{"month", "Month", OfText(t.Month)},
		{"from", "From", OfDate(month.Start(zone))},
		{"to", "To", OfDate(month.Last(zone))},
		{"zone", "Time zone", OfText(t.Content.Zone)},
		{"reportId", "Report ID", OfText(id)},
		{"status", "Status", OfText(status)},
		{"generatedAt", "Generated", OfTime(&madeAt)},
	}, nil
}

// digest is the SHA-256 of a statement's JSON form, which is statement.json in its signed bundle.
func digest(t *statement.Statement) (string, error) {
	body, err := t.Encode()
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), err
}

func statementFacts(s *subject) ([]Fact, error) {
	t := s.t
	var facts []Fact
	for i, c := range s.identity() {
		column := identityColumns()[i]
		facts = append(facts, Fact{column.Key, column.Title, c})
	}
	head, err := headFacts(t, statementID(t), status(t), changedAt(t))
	if err != nil {
		return nil, err
	}
	facts = append(append(facts, head...),
		Fact{"countedAt", "Counted as of", OfTime(&t.Content.At)}, Fact{"recordedUntil", "Recorded until", OfTime(t.CutoffAt)}, Fact{"catalogue", "Catalogue", OfText(t.Content.Catalog)})
	end, err := finalOf(t)
	if end.at != nil {
		facts = append(facts, Fact{"finalisedAt", "Finalised", OfTime(end.at)}, Fact{"finalisedBy", "Finalised by", OfText(end.by)}, Fact{"statementSha256", "SHA-256", OfText(end.sha256)})
	}
	if t.Supersedes > 0 {
		facts = append(facts, Fact{"supersedes", "Supersedes", OfText(idOf(t, t.Supersedes))})
	}
	if s.superseded > 0 {
		facts = append(facts, Fact{"supersededBy", "Superseded by", OfText(idOf(t, s.superseded))})
	}
	return facts, err
}

func adjustments(t *statement.Statement) Section {
	s := Section{Key: "adjustments", Title: "Not billed", Note: "Taken from what was used, each with its reason.", Columns: []Column{
		{Key: "number", Title: "No.", Kind: Whole},
		{Key: "product", Title: "Product", Kind: Text, Detail: true},
		{Key: "type", Title: "Type", Kind: Text, Detail: true},
		{Key: "workload", Title: "Workload type", Kind: Text},
		{Key: "count", Title: "Count", Kind: Whole},
		{Key: "unit", Title: "Unit", Kind: Text},
		{Key: "units", Title: "Units", Kind: Units},
		{Key: "workloads", Title: "Workloads", Kind: Text},
		{Key: "reason", Title: "Reason", Kind: Text},
		{Key: "by", Title: "By", Kind: Text},
		{Key: "at", Title: "At", Kind: Time},
	}}
	for i := range t.Adjustments {
		a := &t.Adjustments[i]
		var names []string
		for _, w := range a.Workloads {
			names = append(names, refText(w))
		}
		s.Rows = append(s.Rows, []Cell{
			OfWhole(int64(a.Number)), OfText(productName(a.Product)), OfText(a.Type), OfText(catalog.TypeName(a.Type)), OfWhole(-a.Amount.Count), OfText(string(a.Unit)),
			OfUnits(-a.Amount.Units), OfText(strings.Join(names, ", ")), OfText(a.Reason), OfText(a.Actor), OfTime(&a.At),
		})
	}
	return s
}

// refText names a workload as the command line does.
func refText(w statement.Ref) string {
	return w.Server.String() + "/" + strings.TrimPrefix(w.Tenant+"/"+w.ID, "/")
}

func differences(t *statement.Statement) Section {
	s := Section{Key: "differences", Title: "Changes", Note: "What is other than in the statement that this one supersedes.", Columns: []Column{
		{Key: "product", Title: "Product", Kind: Text},
		{Key: "type", Title: "Type", Kind: Text, Detail: true},
		{Key: "workload", Title: "Workload type", Kind: Text},
		{Key: "unit", Title: "Unit", Kind: Text},
		{Key: "usedBefore", Title: "Used before", Kind: Whole},
		{Key: "used", Title: "Used", Kind: Whole},
		{Key: "newBefore", Title: "New before", Kind: Whole},
		{Key: "new", Title: "New", Kind: Whole},
		{Key: "billedBefore", Title: "Billed before", Kind: Whole},
		{Key: "billed", Title: "Billed", Kind: Whole},
		{Key: "billedUnitsBefore", Title: "Units before", Kind: Units},
		{Key: "billedUnits", Title: "Units", Kind: Units},
	}}
	for i := range t.Differences {
		d := &t.Differences[i]
		s.Rows = append(s.Rows, []Cell{
			OfText(productName(d.Product)), OfText(d.Type), OfText(catalog.TypeName(d.Type)), OfText(string(d.Unit)), OfWhole(d.Before.Used.Count), OfWhole(d.After.Used.Count),
			OfWhole(d.Before.New.Count), OfWhole(d.After.New.Count), OfWhole(d.Before.Billed.Count), OfWhole(d.After.Billed.Count),
			OfUnits(d.Before.Billed.Units), OfUnits(d.After.Billed.Units),
		})
	}
	return s
}

// servers tells how each server stands (C41).
func servers(subjects []subject) Section {
	s := Section{Key: "servers", Title: "Servers", Columns: []Column{
		{Key: "company", Title: "Company", Kind: Text, Detail: len(subjects) == 1},
		{Key: "server", Title: "Server", Kind: Text},
		{Key: "product", Title: "Product", Kind: Text},
		{Key: "standing", Title: "Standing", Kind: Text},
		{Key: "figure", Title: "Figure", Kind: Text, Detail: true},
		{Key: "license", Title: "License", Kind: Text},
		{Key: "edition", Title: "Edition", Kind: Text},
		{Key: "licensedTo", Title: "Licensed to", Kind: Text},
		{Key: "licenseId", Title: "License ID", Kind: Text, Detail: true},
		{Key: "supportId", Title: "Support ID", Kind: Text},
		{Key: "readings", Title: "Readings", Kind: Whole},
		{Key: "firstReading", Title: "First reading", Kind: Time, Detail: true},
		{Key: "lastReading", Title: "Last reading", Kind: Time},
		{Key: "hoursWithout", Title: "Hours without", Kind: Whole, Detail: true},
		{Key: "coverage", Title: "Covered, %", Kind: Units},
		{Key: "gaps", Title: "Gaps", Kind: Text},
	}}
	for _, c := range subjects {
		t := c.t
		for j := range t.Content.Servers {
			v := &t.Content.Servers[j]
			license, numbers := [3]Cell{}, c.licenses[v.ID]
			if l := v.License; l != nil {
				license = [3]Cell{OfText(string(l.Type) + ", " + string(l.Class)), OfText(l.Edition), OfText(l.LicensedTo)}
			}
			s.Rows = append(s.Rows, []Cell{
				OfText(t.CompanyName), OfText(v.Name), OfText(productName(v.Product)), OfText(standing(v)), OfText(string(v.Origin)), license[0], license[1], license[2],
				OfText(numbers.ID), OfText(numbers.SupportID),
				OfWhole(int64(v.Reading.Count)), OfTime(v.Reading.First), OfTime(v.Reading.Last), OfWhole(int64(v.Reading.HoursWithout)), OfUnits(v.Reading.Coverage), OfText(gaps(v)),
			})
		}
	}
	return s
}

// standing says in words how a server stands.
func standing(v *statement.Server) string {
	var words []string
	for _, n := range []struct {
		on   bool
		text string
	}{
		{v.Unknown, "not collected"},
		{v.Stale, "stale"},
		{v.Cloned, "cloned"},
		{v.Zero, "zero usage"},
		{v.Gone, "gone since the peak"},
	} {
		if n.on {
			words = append(words, n.text)
		}
	}
	if len(words) == 0 {
		return "read"
	}
	return strings.Join(words, ", ")
}

func gaps(v *statement.Server) string {
	var words []string
	for _, g := range v.Gaps {
		words = append(words, strconv.Itoa(g.Count)+" "+string(g.Reason))
	}
	return strings.Join(words, ", ")
}

// serverFigures says what each server adds, before anything is taken from it.
func serverFigures(t *statement.Statement) Section {
	s := Section{Key: "serverUsage", Title: "Usage by server", Note: "Before what is not billed is taken from it.", Columns: []Column{
		{Key: "server", Title: "Server", Kind: Text},
		{Key: "product", Title: "Product", Kind: Text},
		{Key: "type", Title: "Type", Kind: Text, Detail: true},
		{Key: "workload", Title: "Workload type", Kind: Text},
		{Key: "used", Title: "Used", Kind: Whole},
		{Key: "usedUnits", Title: "Units used", Kind: Units},
		{Key: "new", Title: "New", Kind: Whole},
		{Key: "newUnits", Title: "Units new", Kind: Units},
		{Key: "rental", Title: "Rental", Kind: Whole},
		{Key: "rentalUnits", Title: "Units rental", Kind: Units},
		{Key: "unit", Title: "Unit", Kind: Text},
	}}
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		for _, r := range v.Rows {
			s.Rows = append(s.Rows, []Cell{
				OfText(v.Name), OfText(productName(v.Product)), OfText(r.Type), OfText(catalog.TypeName(r.Type)), OfWhole(r.Used.Count), OfUnits(r.Used.Units),
				OfWhole(r.New.Count), OfUnits(r.New.Units), OfWhole(r.Rental.Count), OfUnits(r.Rental.Units), OfText(string(r.Unit)),
			})
		}
	}
	return s
}

func issues(t *statement.Statement) Section {
	s := Section{Key: "issues", Title: "Issues", Note: "Each needs a reason before a statement is approved.", Columns: []Column{
		{Key: "issue", Title: "Issue", Kind: Text, Detail: true}, {Key: "text", Title: "Issue", Kind: Text}, {Key: "reason", Title: "Reason", Kind: Text},
	}}
	reasons := make(map[string]string)
	for _, r := range t.Reasons {
		reasons[r.Issue] = r.Text
	}
	for _, i := range t.Content.Issues {
		s.Rows = append(s.Rows, []Cell{OfText(i.Key), OfText(i.Text), OfText(reasons[i.Key])})
	}
	return s
}

func trail(t *statement.Statement) Section {
	s := Section{Key: "trail", Title: "What was done", Columns: []Column{
		{Key: "at", Title: "At", Kind: Time}, {Key: "by", Title: "Who", Kind: Text}, {Key: "did", Title: "Did", Kind: Text}, {Key: "text", Title: "Text", Kind: Text},
	}}
	for i := range t.Trail {
		step := &t.Trail[i]
		s.Rows = append(s.Rows, []Cell{OfTime(&step.At), OfText(step.Actor), OfText(step.Did), OfText(step.Text)})
	}
	return s
}

// behind lists the workloads.
func behind(t *statement.Statement, workloads []statement.Workload) Section {
	s := Section{Key: "workloads", Title: "Workloads", Note: "Every workload that the servers list, with its state.", Columns: []Column{
		{Key: "name", Title: "Name", Kind: Text},
		{Key: "id", Title: "ID", Kind: Text, Detail: true},
		{Key: "server", Title: "Server", Kind: Text},
		{Key: "tenant", Title: "Tenant", Kind: Text, Detail: true},
		{Key: "type", Title: "Type", Kind: Text, Detail: true},
		{Key: "workload", Title: "Workload type", Kind: Text},
		{Key: "state", Title: "State", Kind: Text},
		{Key: "rule", Title: "Rule", Kind: Text, Detail: true},
		{Key: "unit", Title: "Unit", Kind: Text},
		{Key: "units", Title: "Units", Kind: Units},
		{Key: "counted", Title: "In the figures", Kind: Text, Detail: true},
		{Key: "firstProtected", Title: "First protected", Kind: Time},
		{Key: "lastProtected", Title: "Last protected", Kind: Time},
		{Key: "peakAt", Title: "Peak at", Kind: Time, Detail: true},
	}}
	names := make(map[usage.ServerID]string)
	for i := range t.Content.Servers {
		names[t.Content.Servers[i].ID] = t.Content.Servers[i].Name
	}
	for i := range workloads {
		w := &workloads[i]
		counted := "no"
		if w.Answers {
			counted = "yes"
		}
		s.Rows = append(s.Rows, []Cell{
			OfText(w.Name), OfText(w.ID), OfText(names[w.Server]), OfText(w.Tenant), OfText(w.Type), OfText(catalog.TypeName(w.Type)), OfText(string(w.State)), OfText(w.Rule),
			OfText(string(w.Unit)), OfUnits(w.Units), OfText(counted), OfTime(w.First), OfTime(w.Last), OfTime(w.PeakAt),
		})
	}
	return s
}
