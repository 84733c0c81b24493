package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

const (
	companyColumns = `SELECT id, uid, name, enabled, created_at, removed_at, profile, labels, checksum FROM companies`
	// The same of the schema that gave rows their checksums.
	bareCompaniesSQL = `SELECT id, uid, name, enabled, created_at, removed_at, '', '', checksum FROM companies ORDER BY id`
	companySQL       = companyColumns + ` WHERE id = $1`
	companiesSQL     = companyColumns + ` WHERE removed_at IS NULL AND id >= $1 ORDER BY id`
	everCompaniesSQL = companyColumns + ` WHERE id >= $1 ORDER BY id`
	nextCompanySQL   = `SELECT MAX(id) + 1 FROM companies` // rows are never deleted, so a number never returns
	insertCompanySQL = `INSERT INTO companies (id, uid, name, name_key, enabled, created_at, removed_at, profile, labels, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	updateCompanySQL = `UPDATE companies SET name = $2, name_key = $3, enabled = $4, removed_at = $5, profile = $6, labels = $7, checksum = $8 WHERE id = $1`
	companyNamedSQL  = `SELECT id FROM companies WHERE name_key = $1 AND removed_at IS NULL AND id <> $2`
	labelledSQL      = `SELECT id, labels FROM companies WHERE removed_at IS NULL AND labels LIKE $1 ESCAPE '\' ORDER BY id`
	companyExistsSQL = `SELECT 1 FROM companies WHERE id = $1`
	companyHereSQL   = `SELECT 1 FROM companies WHERE id = $1 AND removed_at IS NULL`
)

// AddCompany gives the company its ID and stores it with its tenants, whose mappings become facts valid from now.
func (s *Store) AddCompany(ctx context.Context, c fleet.Company, facts []usage.Fact, now time.Time) (fleet.Company, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := telling(ctx, tx, now, func(t *teller) error { return addCompany(ctx, t, &c, facts) }); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
	if err != nil {
		return fleet.Company{}, err
	}
	return s.Company(ctx, c.ID)
}

func addCompany(ctx context.Context, t *teller, c *fleet.Company, facts []usage.Fact) error {
	tx := t.tx
	id, _, err := first(ctx, tx, scanInt, nextCompanySQL)
	if err != nil {
		return err
	}
	c.ID = usage.CompanyID(id)
	if err := freeCompanyName(ctx, tx, c); err != nil {
		return err
	}
	if err := t.freeExternalIDs(ctx, c, nil); err != nil {
		return err
	}
	if err := refsThere(ctx, tx, new(fleet.Company), c); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertCompanySQL, id, c.UID, c.Name, nameKey(c.Name), fromBool(c.Enabled),
		micros(c.CreatedAt), microsOrNull(c.RemovedAt), c.Profile.Text(), c.LabelText(), companySum(c)); err != nil {
		return err
	}
	if err := t.claimTenants(ctx, c.ID, append(tenantFacts(c, t.now), facts...)); err != nil {
		return err
	}
	return noted(ctx, tx, ofCompany(c.ID), t.now)
}

// PutCompanies adds and updates companies, all of them or none.
func (s *Store) PutCompanies(ctx context.Context, puts []fleet.CompanyPut, now time.Time) ([]usage.CompanyID, error) {
	ids := make([]usage.CompanyID, len(puts))
	err := s.write(ctx, func(tx *sql.Tx) error {
		err := telling(ctx, tx, now, func(t *teller) error {
			t.many = len(puts) > 1
			for i := range puts {
				c, put := puts[i].Company, updateCompany
				if c.ID == 0 {
					put = addCompany
				}
				if err := put(audit.Note(ctx, puts[i].Action, puts[i].Detail), t, &c, puts[i].Facts); err != nil {
					return err
				}
				ids[i] = c.ID
			}
			return nil
		})
		if err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func tenantFacts(c *fleet.Company, now time.Time) []usage.Fact {
	facts := make([]usage.Fact, len(c.Tenants))
	for i, t := range c.Tenants {
		facts[i] = usage.Fact{
			Subject: usage.TenantSubject(t.Server, t.Name), Attribute: usage.AttrCompany, Value: c.ID.String(), ValidFrom: usage.Truncate(now),
		}
	}
	return facts
}

// UpdateCompany replaces name, enabled, removal, profile and labels; tenants follow from facts alone.
func (s *Store) UpdateCompany(ctx context.Context, c fleet.Company, facts []usage.Fact, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := telling(ctx, tx, now, func(t *teller) error { return updateCompany(ctx, t, &c, facts) }); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
}

func updateCompany(ctx context.Context, t *teller, c *fleet.Company, facts []usage.Fact) error {
	tx := t.tx
	if c.RemovedAt == nil {
		if err := freeCompanyName(ctx, tx, c); err != nil {
			return err
		}
	}
	stored, found, err := first(ctx, tx, proven(scanCompany), companySQL, int64(c.ID))
	if err == nil && !found {
		err = noCompany(c.ID)
	}
	if err != nil {
		return err
	}
	if c.Revision != 0 && c.Revision != stored.Revision {
		return fault.Meanwhile("company " + c.ID.String())
	}
	if c.RemovedAt == nil {
		if err := t.freeExternalIDs(ctx, c, stored.ExternalIDs); err != nil {
			return err
		}
	}
	if err := refsThere(ctx, tx, &stored, c); err != nil {
		return err
	}
	stored.Name, stored.Enabled, stored.RemovedAt, stored.Profile, stored.Labels = c.Name, c.Enabled, c.RemovedAt, c.Profile, c.Labels
	if _, err := tx.ExecContext(ctx, updateCompanySQL, int64(c.ID), c.Name, nameKey(c.Name), fromBool(c.Enabled), microsOrNull(c.RemovedAt),
		c.Profile.Text(), c.LabelText(), companySum(&stored)); err != nil {
		return err
	}
	if err := t.claimTenants(ctx, c.ID, facts); err != nil {
		return err
	}
	return noted(ctx, tx, ofCompany(c.ID), t.now)
}

func ofCompany(id usage.CompanyID) concern { return concern{id, "company " + id.String()} }

func noCompany(id usage.CompanyID) error {
	return fault.New(fault.NotFound, "there is no company %d", id)
}

func freeCompanyName(ctx context.Context, tx *sql.Tx, c *fleet.Company) error {
	other, taken, err := first(ctx, tx, scanInt, companyNamedSQL, nameKey(c.Name), int64(c.ID))
	if err == nil && taken {
		return fault.New(fault.Conflict, "the name %q is taken by company %d", c.Name, other)
	}
	return err
}

// externalID is a key of another program with its value.
type externalID struct{ key, value string }

// freeExternalIDs looks that no other company that is there has one of those that a company is given; what it had before
// stays. Within one step an id that one company gives up is not free for another.
func (t *teller) freeExternalIDs(ctx context.Context, c *fleet.Company, had map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(c.ExternalIDs)) {
		id := externalID{key, c.ExternalIDs[key]}
		if had[key] == id.value {
			continue
		}
		if err := t.knowExternalID(ctx, id); err != nil {
			return err
		}
		if other, taken := t.externalIDs[id]; taken && other != c.ID {
			return fault.New(fault.Conflict, "the external id %s:%s is that of company %d: what several companies have in common is a tag", key, id.value, other)
		}
		t.externalIDs[id] = c.ID
	}
	return nil
}

// knowExternalID learns who has an id. A step over many companies learns all at once, one over a single company reads the
// labels of those alone that may have it.
func (t *teller) knowExternalID(ctx context.Context, id externalID) error {
	pattern := "%"
	switch {
	case !t.many:
		text := fleet.Labels{ExternalIDs: map[string]string{id.key: id.value}}.LabelText()
		text = strings.TrimSuffix(strings.TrimPrefix(text, `{"externalIds":{`), "}}")
		pattern = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
	case t.externalIDs != nil:
		return nil
	}
	all, err := collect(ctx, t.tx, scanLabels, labelledSQL, pattern)
	if err != nil {
		return err
	}
	if t.externalIDs == nil {
		t.externalIDs = make(map[externalID]usage.CompanyID)
	}
	for i := range all {
		for key, value := range all[i].ExternalIDs {
			t.externalIDs[externalID{key, value}] = all[i].ID
		}
	}
	return nil
}

// scanLabels reads a company's number and labels alone.
func scanLabels(row scanner) (c fleet.Company, err error) {
	var labels string
	if err = row.Scan((*int64)(&c.ID), &labels); err == nil {
		c.Labels, err = fleet.ReadLabels(labels)
	}
	return c, err
}

// claimTenants appends facts one by one, refusing a mapping to the company where the
// same tenant is mapped now to another company that is not removed (C30).
func (t *teller) claimTenants(ctx context.Context, company usage.CompanyID, facts []usage.Fact) error {
	for i, f := range facts {
		server, tenant, ok := f.Subject.Tenant()
		if ok && f.Attribute == usage.AttrCompany && f.Value == company.String() {
			owner, err := mappedNow(ctx, t.tx, f.Subject, t.now)
			if err != nil {
				return err
			}
			if owner >= usage.FirstCompany && owner != company {
				return fault.New(fault.Conflict, "the tenant %q on %s belongs to company %d", tenant, onServer(server), owner)
			}
		}
		if err := t.tell(ctx, facts[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func onServer(id usage.ServerID) string {
	if id == 0 {
		return "any shared server"
	}
	return "server " + id.String()
}

// mappedNow gives the company that a tenant is mapped to; 0 where it is none, or one that is removed (C31).
func mappedNow(ctx context.Context, tx *sql.Tx, tenant usage.Subject, now time.Time) (usage.CompanyID, error) {
	facts, err := subjectFacts(ctx, tx, tenant, usage.AttrCompany)
	if err != nil {
		return 0, err
	}
	value, _ := usage.ValueAt(facts, now)
	company := parseCompany(value)
	here, err := exists(ctx, tx, companyHereSQL, int64(company))
	if err != nil || !here {
		return 0, err
	}
	return company, nil
}

// listed is the list of companies as it was read last. It is right for as long as no row and no fact has changed, and no
// fact that is known begins to be valid.
type listed struct {
	fleet       int64 // the state of the rows
	told        int   // how many facts were known
	from, until time.Time
	companies   []fleet.Company
}

func (l *listed) holds(h head, v view) bool {
	return l != nil && l.fleet == h.fleet && l.told == v.p.told && !v.at.Before(l.from) && (l.until.IsZero() || v.at.Before(l.until))
}

// Companies lists those not removed, by ID; without Unassigned. Of many thousands, reading the rows takes longer than all
// that is done with them, so the list is kept, and shared.
func (s *Store) Companies(ctx context.Context) (companies []fleet.Company, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		v, err := s.projection.view(ctx, tx, h, now, h.Position+1)
		if err != nil {
			return err
		}
		kept := s.listed.Load()
		holds := kept.holds(h, v)
		v.release()
		if holds {
			companies = kept.companies
			return nil
		}
		companies, err = s.companies(ctx, tx, func(v view, list []fleet.Company) {
			if v.p.position == h.Position { // nothing is known that this transaction does not see
				s.listed.Store(&listed{h.fleet, v.p.told, now, v.nextTurn(), list})
			}
		}, now, companiesSQL, int64(usage.FirstCompany))
		return err
	})
	return slices.Clip(companies), err
}

// Company gives one company, removed or not.
func (s *Store) Company(ctx context.Context, id usage.CompanyID) (c fleet.Company, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		companies, err := s.companies(ctx, tx, func(view, []fleet.Company) {}, now, companySQL, int64(id))
		if err == nil && len(companies) == 0 {
			err = noCompany(id)
		}
		if err == nil {
			c = companies[0]
		}
		return err
	})
	return c, err
}

// companies reads rows, with the tenants as they are now, and shows them with the view that they come from.
func (s *Store) companies(
	ctx context.Context, tx *sql.Tx, shown func(view, []fleet.Company), now time.Time, query string, args ...any,
) ([]fleet.Company, error) {
	companies, err := collect(ctx, tx, proven(scanCompany), query, args...)
	if err != nil {
		return nil, err
	}
	v, err := s.viewNow(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	defer v.release()
	for i := range companies {
		companies[i].Tenants = v.tenants(companies[i].ID)
	}
	shown(v, companies)
	return companies, nil
}

func scanCompany(row scanner) (c fleet.Company, p proof, err error) {
	var created int64
	var removed sql.NullInt64
	var profile, labels string
	if err := row.Scan((*int64)(&c.ID), &c.UID, &c.Name, &c.Enabled, &created, &removed, &profile, &labels, &p.kept); err != nil {
		return c, p, err
	}
	c.CreatedAt, c.RemovedAt = fromMicros(created), fromMicrosOrNull(removed)
	c.Profile, err = fleet.ReadProfile(profile)
	if err == nil {
		c.Labels, err = fleet.ReadLabels(labels)
	}
	p.what, p.of, p.want = "company", int64(c.ID), companySum(&c)
	c.Revision = p.want
	return c, p, err
}

// companySum leaves an empty profile out, and labels where there are none, as rows were summed before there were any.
func companySum(c *fleet.Company) int64 {
	fields := []string{c.ID.String(), c.UID, c.Name, number(fromBool(c.Enabled)), number(micros(c.CreatedAt)), optional(microsOrNull(c.RemovedAt))}
	if profile := c.Profile.Text(); profile != "" {
		fields = append(fields, profile)
	}
	return checksum(withLabels(fields, c.Labels)...)
}

// withLabels adds labels to what is summed, under a mark: a profile is no labels.
func withLabels(fields []string, l fleet.Labels) []string {
	if text := l.LabelText(); text != "" {
		fields = append(fields, "labels", text)
	}
	return fields
}

// tenants gives the mappings in force to a company, by server, then name.
func (v view) tenants(company usage.CompanyID) []fleet.Tenant {
	if v.removed(usage.CompanySubject(company)) {
		return nil // its tenants are unassigned (C31)
	}
	var tenants []fleet.Tenant
	for _, subject := range v.p.tenantsOf[company] {
		if v.company(subject) == company {
			server, name, _ := subject.Tenant()
			tenants = append(tenants, fleet.Tenant{Server: server, Name: name})
		}
	}
	slices.SortFunc(tenants, func(a, b fleet.Tenant) int {
		if a.Server != b.Server {
			return int(a.Server - b.Server)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return tenants
}
