package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
)

// Focus is the name by which people ask for the FOCUS data set, which is written as CSV.
const Focus = "focus"

// csvName is the name of the format that writes it.
const csvName = "csv"

// Months gives statements; *statement.Service does.
type Months interface {
	Show(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (statement.Statement, error)
	Workloads(ctx context.Context, t *statement.Statement) ([]statement.Workload, error)
	Licenses(ctx context.Context, t *statement.Statement) (map[usage.ServerID]usage.License, error)
	Consolidate(ctx context.Context, month usage.Month) (statement.Consolidated, error)
	WithoutStatement(ctx context.Context, month usage.Month, zone *time.Location, have []statement.Statement) ([]statement.Waiting, error)
}

// Plans gives subscription plans; *plan.Service does.
type Plans interface {
	Get(ctx context.Context, id int64) (plan.Item, error)
}

// Service makes reports and has them written.
type Service struct {
	Months     Months
	Statements statement.Store
	Companies  fleet.CompanyStore
	Plans      Plans
	// Licensees gives the names under which the provider is licensed: the first is its name where nobody said it.
	Licensees func(ctx context.Context) ([]string, error)
	Look      Look
	Formats   []Format
}

// Report is a report that is ready to be written.
type Report struct {
	Document Document
	Format   Format
	name     string
}

// FileName is what its file is called.
func (r *Report) FileName() string { return r.name + r.Format.Extension() }

// Write writes it.
func (r *Report) Write(w io.Writer) error { return r.Format.Write(w, &r.Document) }

// Names lists the formats that can be asked for.
func (s *Service) Names() []string {
	names := make([]string, 0, len(s.Formats)+1)
	for _, f := range s.Formats {
		names = append(names, f.Name())
	}
	return append(names, Focus)
}

// format finds a format. Invalid: there is none of that name.
func (s *Service) format(name string) (Format, error) {
	wanted := name
	if name == Focus {
		wanted = csvName
	}
	at := slices.IndexFunc(s.Formats, func(f Format) bool { return f.Name() == wanted })
	if at < 0 {
		return nil, fault.InvalidFields("there is no such report", []fault.Field{{Path: "format", Text: fmt.Sprintf("%q is none of %s", name, strings.Join(s.Names(), ", "))}})
	}
	return s.Formats[at], nil
}

// OfCompany makes the report of one company's statement; number 0: the month's latest. Of a month that was not drafted, it
// says what is known by now.
func (s *Service) OfCompany(ctx context.Context, company usage.CompanyID, month usage.Month, number int, format string) (Report, error) {
	f, err := s.format(format)
	if err != nil {
		return Report{}, err
	}
	t, err := s.Months.Show(ctx, company, month, number)
	if err != nil {
		return Report{}, err
	}
	c, err := s.Companies.Company(ctx, company)
	if err != nil {
		return Report{}, err
	}
	of := subject{t: &t, company: c}
	if number > 0 { // else it is the latest one
		if of.superseded, err = s.superseded(ctx, &t); err != nil {
			return Report{}, err
		}
	}
	r := Report{Format: f, name: "tallystick-" + statementID(&t)}
	if format == Focus {
		r.name += "-" + Focus
		r.Document, err = s.focus(ctx, &monthly{month: month, subjects: []subject{of}}, markOf(&t))
		return r, err
	}
	workloads, err := s.Months.Workloads(ctx, &t)
	if err != nil {
		return r, err
	}
	if of.licenses, err = s.Months.Licenses(ctx, &t); err != nil {
		return r, err
	}
	r.Document, err = ofStatement(&of, workloads)
	r.Document.Look, err = s.look(ctx, err)
	return r, err
}

// superseded gives the number of the final statement that stands in the place of another one; 0: none does. One that is still being
// made is of no account.
func (s *Service) superseded(ctx context.Context, t *statement.Statement) (int, error) {
	last, err := s.Statements.Statement(ctx, t.Company, t.Key().Month, 0)
	if err != nil {
		return 0, err
	}
	number := last.Number
	if last.State != statement.Final {
		number = last.Supersedes // which is final
	}
	if number <= t.Number {
		number = 0
	}
	return number, nil
}

// look is how the report looks that was made.
func (s *Service) look(ctx context.Context, err error) (Look, error) {
	look := s.Look
	if err != nil || look.Name != "" {
		return look, err
	}
	names, err := s.Licensees(ctx)
	if len(names) > 0 {
		look.Name = names[0]
	}
	return look, err
}

// OfAll makes the report of a month over all companies: a reading across companies. NotFound: no statement was made of it.
func (s *Service) OfAll(ctx context.Context, month usage.Month, format string) (Report, error) {
	f, err := s.format(format)
	if err != nil {
		return Report{}, err
	}
	all, err := s.Months.Consolidate(ctx, month)
	if err == nil && len(all.Statements) == 0 {
		err = fault.New(fault.NotFound, "no statement was made of %s: there is nothing to report", month)
	}
	if err != nil {
		return Report{}, err
	}
	companies, err := s.companies(ctx)
	if err != nil {
		return Report{}, err
	}
	m := &monthly{month: month, standing: all.Standing}
	for i := range all.Statements {
		m.subjects = append(m.subjects, subject{t: &all.Statements[i], company: companies[all.Statements[i].Company]})
	}
	zone, err := time.LoadLocation(all.Statements[0].Content.Zone)
	if err != nil {
		return Report{}, fault.Wrap(err, fault.Internal, "the zone %q of the statements of %s is not known here", all.Statements[0].Content.Zone, month)
	}
	absent, err := s.Months.WithoutStatement(ctx, month, zone, all.Statements)
	if err != nil {
		return Report{}, err
	}
	for _, w := range absent {
		c := companies[w.Company]
		c.Name = w.Name
		m.absent = append(m.absent, subject{company: c})
	}
	r := Report{Format: f, name: "tallystick-all-" + month.String()}
	if format == Focus {
		r.name += "-" + Focus
		r.Document, err = s.focus(ctx, m, m.mark())
		return r, err
	}
	if err := s.othersLicenses(ctx, m); err != nil {
		return r, err
	}
	r.Document, err = ofMonth(m)
	r.Document.Look, err = s.look(ctx, err)
	return r, err
}

// othersLicenses looks the numbers of licenses up where some are not the provider's: whoever is billed for those asks for them.
// Looking them up for all would count the whole month anew.
func (s *Service) othersLicenses(ctx context.Context, m *monthly) (err error) {
	for i := range m.subjects {
		c := &m.subjects[i]
		if !slices.ContainsFunc(c.t.Content.Classes, func(c statement.Class) bool { return c.Class != statement.Provider }) {
			continue
		}
		if c.licenses, err = s.Months.Licenses(ctx, c.t); err != nil {
			return err
		}
	}
	return nil
}

// companies gives all that there ever were, by their numbers.
func (s *Service) companies(ctx context.Context) (map[usage.CompanyID]fleet.Company, error) {
	all, err := fleet.EveryCompany(ctx, s.Companies)
	companies := make(map[usage.CompanyID]fleet.Company, len(all))
	for i := range all {
		companies[all[i].ID] = all[i]
	}
	return companies, err
}

// providerUnnamed is the provider's name in a data set that must have one, where nobody said it.
const providerUnnamed = "Service provider"

func (s *Service) provider(ctx context.Context) (string, error) {
	look, err := s.look(ctx, nil)
	return cmp.Or(look.Name, providerUnnamed), err
}

// focus makes the data set of a company, or of a month over all.
func (s *Service) focus(ctx context.Context, m *monthly, mark string) (Document, error) {
	provider, err := s.provider(ctx)
	if err != nil {
		return Document{}, err
	}
	var all, absent []billed
	s = s.remembering()
	for i := range m.subjects {
		b, err := s.billed(ctx, &m.subjects[i])
		if err != nil {
			return Document{}, err
		}
		all = append(all, b)
	}
	for i := range m.absent {
		b, err := s.billed(ctx, &m.absent[i])
		if err != nil {
			return Document{}, err
		}
		absent = append(absent, b)
	}
	return ofFocus(m, provider, all, absent, mark)
}

// billed gives the plan by which a company's month is priced, and the statements that the given one supersedes, the first one first.
func (s *Service) billed(ctx context.Context, of *subject) (b billed, err error) {
	b = billed{subject: *of}
	if of.t != nil {
		b.statements = append(b.statements, *of.t)
	}
	for len(b.statements) > 0 && b.statements[0].Supersedes > 0 {
		before, err := s.Statements.Statement(ctx, of.t.Company, of.t.Key().Month, b.statements[0].Supersedes)
		if err != nil {
			return b, err
		}
		b.statements = append([]statement.Statement{before}, b.statements...)
	}
	priced := b.statements
	if of.superseded > 0 {
		last, err := s.Statements.Statement(ctx, of.t.Company, of.t.Key().Month, of.superseded)
		if err != nil {
			return b, err
		}
		priced = append(slices.Clone(priced), last)
	}
	for i := range priced { // one plan prices a month and what is corrected of it: the first that was kept, also after this one
		if kept := priced[i].Priced; kept != nil {
			b.plan, b.kept = *kept, true
			return b, nil
		}
	}
	today, err := s.Plans.Get(ctx, of.company.Profile.Plan)
	b.plan = plan.StateOf(today)
	return b, err
}

// remembering gives a service that asks for each plan once: many companies have few.
func (s *Service) remembering() *Service {
	one := *s
	one.Plans = &knownPlans{Plans: s.Plans, known: make(map[int64]plan.Item)}
	return &one
}

type knownPlans struct {
	Plans
	known map[int64]plan.Item
}

func (k *knownPlans) Get(ctx context.Context, id int64) (plan.Item, error) {
	if item, asked := k.known[id]; asked {
		return item, nil
	}
	item, err := k.Plans.Get(ctx, id)
	if err == nil {
		k.known[id] = item
	}
	return item, err
}
