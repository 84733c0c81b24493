package roster

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
)

// CompanyOptions say how a file of companies is taken.
type CompanyOptions struct {
	DryRun bool
	// Match is a key of external ids by which a company is found, where a row names it; empty: companies are found by name.
	Match string
}

// The columns of companies, beside the texts of their profiles.
const (
	nameColumn    = "name"
	uidColumn     = "uid"
	enabledColumn = "enabled"
	tenantsColumn = "cloudTenants"
	planColumn    = "plan"
	titleColumn   = "title"
)

func companyLayout(o CompanyOptions) layout {
	l := layout{
		known:    []string{nameColumn, uidColumn, enabledColumn, tenantsColumn, planColumn, titleColumn},
		required: []string{nameColumn}, example: "name,plan,externalId.psa,tag.segment",
	}
	for _, text := range profileTexts(&fleet.Profile{}) {
		l.known = append(l.known, text.Name)
	}
	if o.Match != "" {
		l.required = append(l.required, externalIDColumn+o.Match)
	}
	return l
}

// profileTexts leaves out the one external id that API v2 knows of a tenant: here there is one for each program.
func profileTexts(p *fleet.Profile) []fleet.ProfileText {
	return slices.DeleteFunc(p.Texts(), func(text fleet.ProfileText) bool { return text.Name == "externalId" })
}

var companyPaths = map[string]string{"--name": nameColumn, "--cloud-tenant": tenantsColumn}

// Companies takes a file of companies. Invalid, with every mistake by line and column: nothing is taken.
func (s *Service) Companies(ctx context.Context, in io.Reader, o CompanyOptions) (result Result, err error) {
	o.Match = strings.ToLower(strings.TrimSpace(o.Match))
	file, err := readSheet(in, companyLayout(o))
	if err != nil {
		return Result{}, err
	}
	err = upToDate(func() error {
		list, err := s.companyList(ctx, file, o)
		if err != nil {
			return err
		}
		var ids []usage.CompanyID
		if !o.DryRun {
			if ids, err = s.Directory.PutCompanies(ctx, list.drafts); err != nil {
				return err
			}
		}
		result = list.result(ids)
		return nil
	})
	return result, err
}

// companyList is a file of companies held against those that are there.
type companyList struct {
	file    *sheet
	options CompanyOptions
	plans   []plan.Item
	mistakes

	byUID, byName, byKey map[string][]*fleet.Company
	owners               map[fleet.Tenant]*fleet.Company
	holders              map[string][]*fleet.Company // by external id, as KEY:VALUE
	names, keys          map[string]int              // the line in which each stands
	tenants              map[fleet.Tenant]int
	externalIDs          map[string]int // likewise, those that are new to a company
	taken                map[usage.CompanyID]int
	drafts               []fleet.CompanyDraft
}

func (s *Service) companyList(ctx context.Context, file *sheet, o CompanyOptions) (*companyList, error) {
	companies, err := s.Store.Companies(ctx)
	if err != nil {
		return nil, err
	}
	plans, err := s.Plans.All(ctx)
	if err != nil {
		return nil, err
	}
	l := &companyList{
		file: file, options: o, plans: plans,
		byUID: map[string][]*fleet.Company{}, byName: map[string][]*fleet.Company{}, byKey: map[string][]*fleet.Company{},
		owners: map[fleet.Tenant]*fleet.Company{}, holders: fleet.ExternalIDs(companies), externalIDs: map[string]int{},
		names: map[string]int{}, keys: map[string]int{}, tenants: map[fleet.Tenant]int{}, taken: map[usage.CompanyID]int{},
	}
	for i := range companies {
		c := &companies[i]
		l.byUID[c.UID] = append(l.byUID[c.UID], c)
		l.byName[usage.Fold(c.Name)] = append(l.byName[usage.Fold(c.Name)], c)
		if key := c.ExternalIDs[o.Match]; key != "" {
			l.byKey[key] = append(l.byKey[key], c)
		}
		for _, t := range c.Tenants {
			l.owners[t] = c
		}
	}
	file.each(&l.mistakes, l.row)
	if err := l.err(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *companyList) row(r row) {
	was, ok := l.find(r)
	if !ok {
		return
	}
	draft := fleet.CompanyDraft{Was: was, Is: fleet.Company{Enabled: true}}
	if was != nil {
		draft.Is = *was
	}
	l.fill(r, &draft.Is)
	l.addFields(r.line, draft.Check(), companyPaths)
	l.alone(r, &draft)
	l.drafts = append(l.drafts, draft)
}

// find gives the company that a row is about; nil: a new one. What is wrong is told, and it is not known.
func (l *companyList) find(r row) (*fleet.Company, bool) {
	name, uid, key := l.file.cell(r, nameColumn), l.file.cell(r, uidColumn), l.file.cell(r, externalIDColumn+l.options.Match)
	if l.options.Match == "" {
		key = ""
	}
	named := first(l.byName[usage.Fold(name)])
	found := named
	switch {
	case uid != "":
		guid, err := uuid.Parse(uid)
		if found = first(l.byUID[guid.String()]); err != nil || found == nil {
			l.add(r.line, uidColumn, "there is no company with the GUID %q; a new one is given its own: leave the cell empty", uid)
			return nil, false
		}
	case key != "":
		holders := l.byKey[key]
		other := ""
		if named != nil {
			other = named.ExternalIDs[l.options.Match]
		}
		switch {
		case len(holders) > 1:
			l.add(r.line, externalIDColumn+l.options.Match, "%d companies have %q, among them %d (%s) and %d (%s): say which by %s",
				len(holders), key, holders[0].ID, holders[0].Name, holders[1].ID, holders[1].Name, uidColumn)
			return nil, false
		case len(holders) == 1:
			found = holders[0]
		case other != "":
			l.add(r.line, externalIDColumn+l.options.Match, "company %d (%s) has %q, and no company has %q", named.ID, named.Name, other, key)
			return nil, false
		}
		if line, twice := l.keys[key]; twice {
			l.add(r.line, externalIDColumn+l.options.Match, "%q stands in line %d, too", key, line)
			return nil, false
		}
		l.keys[key] = r.line
	}
	if found != nil {
		if line, twice := l.taken[found.ID]; twice {
			l.add(r.line, "", "is about company %d (%s), as line %d is", found.ID, found.Name, line)
			return nil, false
		}
		l.taken[found.ID] = r.line
	}
	return found, true
}

func first[T any](list []*T) *T {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// fill puts what a row says into a company.
func (l *companyList) fill(r row, c *fleet.Company) {
	c.Name = l.file.cell(r, nameColumn)
	switch cell := strings.ToLower(l.file.cell(r, enabledColumn)); cell {
	case "": // as it is
	case "yes", "no", "true", "false":
		c.Enabled = cell == "yes" || cell == "true"
	default:
		l.add(r.line, enabledColumn, "is yes or no")
	}
	if l.file.has(planColumn) {
		c.Profile.Plan = l.plan(r)
	}
	if l.file.has(titleColumn) {
		c.Profile.Title = l.file.cell(r, titleColumn)
	}
	for _, text := range profileTexts(&c.Profile) {
		if l.file.has(text.Name) {
			*text.Text = l.file.cell(r, text.Name)
		}
	}
	if l.file.has(tenantsColumn) {
		c.Tenants = l.anyServer(r, c.Tenants)
	}
	var wrong []fault.Field
	c.Labels = c.WithLabels(l.file.labels(r), &wrong)
	l.addFields(r.line, wrong, nil)
}

// anyServer gives the tenants of a row, which any shared server names, beside those of one server alone, which stay.
func (l *companyList) anyServer(r row, was []fleet.Tenant) (tenants []fleet.Tenant) {
	for _, t := range was {
		if t.Server != 0 {
			tenants = append(tenants, t)
		}
	}
	if cell := l.file.cell(r, tenantsColumn); cell != "" {
		for name := range strings.SplitSeq(cell, "|") {
			tenants = append(tenants, fleet.Tenant{Name: name})
		}
	}
	return tenants
}

// plan gives the number of the plan that a row names; empty: none.
func (l *companyList) plan(r row) int64 {
	ref := l.file.cell(r, planColumn)
	if ref == "" {
		return 0
	}
	name := strings.TrimSpace(strings.TrimPrefix(ref, "name:"))
	for i := range l.plans {
		if strings.EqualFold(l.plans[i].Value.Name, name) {
			return l.plans[i].ID
		}
	}
	for i := range l.plans {
		if strconv.FormatInt(l.plans[i].ID, 10) == ref {
			return l.plans[i].ID
		}
	}
	l.add(r.line, planColumn, "there is no plan %q", ref)
	return 0
}

// alone tells where a name, a tenant or an external id is another one's, in the ledger or in the file. What the file itself
// would free first is not free.
func (l *companyList) alone(r row, d *fleet.CompanyDraft) {
	folded := usage.Fold(d.Is.Name)
	if line, twice := l.names[folded]; twice && folded != "" {
		l.add(r.line, nameColumn, "%q stands in line %d, too", d.Is.Name, line)
	}
	l.names[folded] = r.line
	if other := first(l.byName[folded]); other != nil && other.ID != d.Is.ID {
		l.add(r.line, nameColumn, "%q is taken by company %d", d.Is.Name, other.ID)
	}
	for _, t := range d.Is.Tenants {
		if line, twice := l.tenants[t]; twice {
			l.add(r.line, tenantsColumn, "%q stands in line %d, too", t.Name, line)
		}
		l.tenants[t] = r.line
		if owner := l.owners[t]; owner != nil && owner.ID != d.Is.ID {
			l.add(r.line, tenantsColumn, "%q belongs to company %d (%s)", t.Name, owner.ID, owner.Name)
		}
	}
	l.keyed(r, d)
}

// keyed looks at the external ids that a company is given; those that it had stay.
func (l *companyList) keyed(r row, d *fleet.CompanyDraft) {
	for _, key := range slices.Sorted(maps.Keys(d.Is.ExternalIDs)) {
		value := d.Is.ExternalIDs[key]
		if d.Was != nil && d.Was.ExternalIDs[key] == value {
			continue
		}
		ref := key + ":" + value
		if line, twice := l.externalIDs[ref]; twice {
			l.add(r.line, externalIDColumn+key, "%q stands in line %d, too: what several companies have in common is a tag", value, line)
		}
		l.externalIDs[ref] = r.line
		if holder := first(l.holders[ref]); holder != nil && holder.ID != d.Is.ID {
			l.add(r.line, externalIDColumn+key, "%q is that of company %d (%s): what several companies have in common is a tag", value, holder.ID, holder.Name)
		}
	}
}

// result says what was done; without ids, what would be.
func (l *companyList) result(ids []usage.CompanyID) Result {
	result := Result{DryRun: l.options.DryRun}
	for i := range l.drafts {
		d := &l.drafts[i]
		id := d.Is.ID
		if ids != nil {
			id = ids[i]
		}
		changes := d.Changes()
		result.add(Row{Line: l.file.rows[i].line, Action: action(d.Was != nil, changes), ID: int64(id), Name: d.Is.Name, Changes: changes})
	}
	return result
}
