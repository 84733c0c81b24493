package usage

import (
	"strconv"
	"strings"
	"time"
)

// Fact is one dated value of one attribute that can move a figure (C38). Facts
// are ledger entries: they have a position and a recordedAt beside these.
type Fact struct {
	Subject   Subject
	Attribute Attribute
	Value     string
	ValidFrom time.Time // ignored for the first value of an attribute, which is valid from the beginning of time
	Position  Position  // 0 until appended
}

// Subject is whose attribute it is: "server/7", "company/3", "tenant/7/Contoso", "tenant/*/Contoso" or "policy".
type Subject string

// PolicySubject is the subject of what holds for the whole installation.
const PolicySubject Subject = "policy"

// ServerSubject names a server's attributes.
func ServerSubject(id ServerID) Subject { return Subject("server/" + id.String()) }

// CompanySubject names a company's attributes.
func CompanySubject(id CompanyID) Subject { return Subject("company/" + id.String()) }

// TenantSubject names the mapping of a tenant that a shared server names; server 0 is "any shared server" (C30).
func TenantSubject(server ServerID, tenant string) Subject {
	on := "*"
	if server != 0 {
		on = server.String()
	}
	return Subject("tenant/" + on + "/" + strings.TrimSpace(tenant))
}

// Tenant splits a tenant subject; server is 0 for "any".
func (s Subject) Tenant() (server ServerID, tenant string, ok bool) {
	rest, ok := strings.CutPrefix(string(s), "tenant/")
	if !ok {
		return 0, "", false
	}
	on, tenant, ok := strings.Cut(rest, "/")
	if !ok || on == "*" {
		return 0, tenant, ok
	}
	id, err := strconv.ParseInt(on, 10, 64)
	return ServerID(id), tenant, err == nil
}

// Attribute is what the fact is about.
type Attribute string

// The attributes of C38 and the form of their values.
const (
	AttrCompany   Attribute = "company"   // of a server: company number, "0" for a shared server; of a tenant: company number, "1" for unassigned
	AttrDomain    Attribute = "domain"    // of a server: counting domain, may be empty (C15)
	AttrAuthority Attribute = "authority" // of a server: "reported" or "computed" (C21)
	AttrInterval  Attribute = "interval"  // of a server: whole seconds between readings (C32)
	AttrRemoved   Attribute = "removed"   // of a server or company: "true" or "false"
	AttrZone      Attribute = "zone"      // of the policy: IANA name (C8)
	AttrCatalog   Attribute = "catalog"   // of the policy: catalogue version
	AttrLicensees Attribute = "licensees" // of the policy: the names under which the provider is licensed, one a line (C41)
)

// ValueAt gives the value valid at t among facts of one subject and attribute,
// in the order of their positions: the latest validFrom that is not after t,
// among equals the latest entry. The first value is valid from the beginning of
// time (C38). ok is false only when there is no fact.
func ValueAt(facts []Fact, t time.Time) (value string, ok bool) {
	if len(facts) == 0 {
		return "", false
	}
	value = facts[0].Value
	var since time.Time // the zero time: the beginning of time
	for _, f := range facts[1:] {
		if !f.ValidFrom.After(t) && !f.ValidFrom.Before(since) {
			value, since = f.Value, f.ValidFrom
		}
	}
	return value, true
}
