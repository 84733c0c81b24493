package fleet

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// companyChanges says for the audit trail what differs between two states of a company; empty: nothing. Of the profile
// it names the members only, but the records that it refers to: whom to write to is no business of a trail that is never
// erased, by which plan a company is billed is.
func companyChanges(was, is *Company) string {
	var d audit.Detail
	d.Change("name", was.Name, is.Name)
	d.Change("enabled", fmt.Sprint(was.Enabled), fmt.Sprint(is.Enabled))
	for _, t := range is.Tenants {
		if !slices.Contains(was.Tenants, t) {
			d.Say("cloud tenant " + t.text() + " comes")
		}
	}
	for _, t := range was.Tenants {
		if !slices.Contains(is.Tenants, t) {
			d.Say("cloud tenant " + t.text() + " goes")
		}
	}
	before := was.Profile.Refs()
	for i, ref := range is.Profile.Refs() {
		d.Change(ref.Kind, number(before[i].ID), number(ref.ID))
	}
	from, to := was.Profile, is.Profile
	from.Reseller, from.Plan = to.Reseller, to.Plan
	if members := audit.Differing(from.Text(), to.Text()); len(members) > 0 {
		d.Say("profile: " + strings.Join(members, ", "))
	}
	labelChanges(&d, was.Labels, is.Labels)
	return d.String()
}

// serverChanges is companyChanges for a server. Of a password it says that there is another one.
func serverChanges(was, is *Server) string {
	var d audit.Detail
	d.Change("name", was.Name, is.Name)
	d.Change("product", string(was.Product), string(is.Product))
	d.Change("company", number(int64(was.Company)), number(int64(is.Company)))
	d.Change("domain", was.Domain, is.Domain)
	d.Change("authority", string(was.Authority), string(is.Authority))
	d.Change("interval", duration(was.Interval), duration(is.Interval))
	var from, to Connection
	if was.Connection != nil {
		from = was.Connection.own()
	}
	if is.Connection != nil {
		to = is.Connection.own()
	}
	d.Change("url", from.URL, to.URL)
	d.Change("credential set", number(int64(from.Credential)), number(int64(to.Credential)))
	d.Change("username", from.Username, to.Username)
	d.Change("fingerprint", from.TLS.Fingerprint, to.TLS.Fingerprint)
	if from.TLS.CA != to.TLS.CA {
		d.Say("other authorities")
	}
	if from.TLS.Insecure != to.TLS.Insecure {
		d.Change("verified", fmt.Sprint(!from.TLS.Insecure), fmt.Sprint(!to.TLS.Insecure))
	}
	if !bytes.Equal(from.Sealed, to.Sealed) {
		d.Say("password")
	}
	labelChanges(&d, was.Labels, is.Labels)
	return d.String()
}

// own leaves out what is a credential set's.
func (c *Connection) own() Connection {
	own := *c
	if own.Credential != 0 {
		own.Username, own.Sealed = "", nil
	}
	return own
}

// datedChanges says what is so at another time than it was, where it is the same now.
func datedChanges(facts []usage.Fact) string {
	var d audit.Detail
	for _, f := range facts {
		value := f.Value
		if seconds, err := time.ParseDuration(value + "s"); err == nil && f.Attribute == usage.AttrInterval {
			value = duration(seconds)
		}
		d.Say(fmt.Sprintf("%s: %s %q from %s", f.Subject, f.Attribute, value, f.ValidFrom.Format(time.RFC3339)))
	}
	return d.String()
}

func number(id int64) string {
	if id == 0 {
		return "" // none, or shared
	}
	return strconv.FormatInt(id, 10)
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func (t Tenant) text() string {
	if t.Server == 0 {
		return fmt.Sprintf("%q", t.Name)
	}
	return fmt.Sprintf("%q on server %d", t.Name, t.Server)
}
