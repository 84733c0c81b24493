package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Service checks conditions and keeps their events.
type Service struct {
	Store     Store
	Answers   AnswerStore
	Ledger    *ledger.Ledger
	Servers   fleet.ServerStore
	Companies fleet.CompanyStore
	// FindFinals is what CheckFinals needs.
	FindFinals FindFinals
	// FindMonths is what CheckMonths needs.
	FindMonths FindMonths
	Now        func() time.Time

	round  round
	finals finals
	months months

	forgotten forgotten
}

// Check settles all conditions of one server: what holds is raised, what no
// longer holds is resolved. A removed server has no conditions.
func (s *Service) Check(ctx context.Context, id usage.ServerID) error {
	server, err := s.Servers.Server(ctx, id)
	if err != nil {
		return err
	}
	events, err := s.Store.EventsOf(ctx, id)
	if err != nil {
		return err
	}
	w := &walk{Service: s, alone: true}
	var readings []ledger.ServerReadings
	if server.RemovedAt == nil {
		if readings, err = s.Ledger.Readings(ctx, id); err != nil {
			return err
		}
	}
	return w.check(ctx, &server, readings, events)
}

// check settles the conditions of one server; those that cannot be found out are left as they are, and are the error.
func (w *walk) check(ctx context.Context, server *fleet.Server, readings []ledger.ServerReadings, events []Event) error {
	v, err := w.conditions(ctx, server, readings, events)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !v.settled(events) {
		err = errors.Join(err, w.settle(ctx, server.ID, v))
	}
	return err
}

// verdict is what holds of a server, of the templates that could be decided: all but those that are left.
type verdict struct {
	holds []Condition
	left  []TemplateID
}

// settle makes the conditions of a server the ones that hold.
func (s *Service) settle(ctx context.Context, id usage.ServerID, v verdict) error {
	decided := make([]TemplateID, 0, len(templates))
	for i := range templates {
		if !slices.Contains(v.left, templates[i].ID) {
			decided = append(decided, templates[i].ID)
		}
	}
	return s.Store.Settle(ctx, id, decided, v.holds, usage.Truncate(s.Now()))
}

// ofCounting are the templates that counting decides.
var ofCounting = []TemplateID{AssumedWeight, UnknownWorkloadType, UnassignedTenant, ClonedInstallation, LicenseExceeded, ReportedDiffers}

func (w *walk) conditions(ctx context.Context, server *fleet.Server, readings []ledger.ServerReadings, events []Event) (v verdict, err error) {
	if len(readings) == 0 { // it is removed
		return v, nil
	}
	r := &readings[0]
	v.holds = ofReadings(server, r, func(t TemplateID) time.Time { return at(w.Now(), events, t) })
	counted, err := w.ofCounting(ctx, server, r, events)
	if err != nil { // what is wrong with its figures is unknown; that it cannot be read is not
		v.left = ofCounting
		return v, err
	}
	v.holds = append(v.holds, counted.holds...)
	v.left = counted.left
	return v, nil
}

// ofCounting are the conditions of the templates that counting decides.
func (w *walk) ofCounting(ctx context.Context, server *fleet.Server, r *ledger.ServerReadings, events []Event) (v verdict, err error) {
	if server.Shared {
		v.holds, err = w.ofShared(ctx, server, r)
	} else {
		v.holds, err = w.ofTally(ctx, server, server.Company, nil)
	}
	if err != nil {
		return v, err
	}
	if r.Last != nil {
		if v.holds, err = w.ofLicense(ctx, server, &r.Last.License, v.holds); err != nil {
			return v, err
		}
	}
	switch {
	case r.LastListed < 0: // there is nothing that counters could differ from
	case !r.LastCounted: // nobody saw the figures agree
		v.left = append(v.left, ReportedDiffers)
	default:
		v.holds, err = w.ofDifferences(ctx, server, events, v.holds)
	}
	return v, err
}

// ofReadings are the conditions that show in the readings alone; now is the instant at which a template's are looked at.
func ofReadings(server *fleet.Server, r *ledger.ServerReadings, now func(TemplateID) time.Time) []Condition {
	holds := stale(server, r.Last, now(StaleFigures))
	add := func(t TemplateID, status Status, format string, args ...any) {
		holds = append(holds, Condition{Template: t, Status: status, Message: fmt.Sprintf(format, args...)})
	}
	if r.Gap != nil {
		template := ServerConnection
		if server.Product == usage.ProductCloudConnect {
			template = CloudConnectConnection
		}
		add(template, StatusError, "%s cannot be read (%s): %s", server.Name, r.Gap.Reason, r.Gap.Text)
	}
	last := r.Last
	if last == nil {
		return holds
	}
	holds = append(holds, expiring(server, &last.License, now(LicenseExpiring))...)
	holds = append(holds, supportExpiring(server, &last.License, now(SupportExpiring))...)
	if before := r.PreviousInstallationID; before != "" && before != last.Server.InstallationID {
		add(NewInstallation, StatusWarning, "%s answers with installation id %s, before it was %s", server.Name, last.Server.InstallationID, before)
	}
	if !last.License.Type.Known() {
		add(UnknownLicenseType, StatusWarning, "%s has a license of the unknown type %q", server.Name, last.License.Type)
	}
	for _, n := range last.Notes {
		if n.Code == usage.NoteCountersMissing {
			add(CountersMissing, StatusWarning, "%s gives no license counters: %s", server.Name, n.Text)
			break
		}
	}
	if o := last.Server.ClockOffset; o != nil && (*o > clockOffsetMax || *o < -clockOffsetMax) {
		add(ClockOffset, StatusWarning, "the clock of %s is %s", server.Name, inWords(*o))
	}
	return holds
}

// Outward gives the message of an alarm of a template without the words of a gap or of a report that failed, which name addresses and
// accounts: for the people of a company.
func Outward(of TemplateID, message string) string {
	switch of {
	case ServerConnection, CloudConnectConnection:
		if before, _, found := strings.Cut(message, "): "); found {
			return before + ")"
		}
	case CountersMissing:
		const says = " gives no license counters"
		if before, _, found := strings.Cut(message, says); found {
			return before + says
		}
	}
	return message
}

func inWords(offset time.Duration) string {
	if offset < 0 {
		return (-offset).Round(time.Second).String() + " behind ours"
	}
	return offset.Round(time.Second).String() + " ahead of ours"
}

// ofShared adds what a shared server's workloads show in every company that has a tenant on it.
// Which tenants belong to nobody is read off the unassigned company's tally: attribution has one place (C30).
func (w *walk) ofShared(ctx context.Context, server *fleet.Server, r *ledger.ServerReadings) (holds []Condition, err error) {
	tally, err := w.whole(ctx, usage.Unassigned, server.Product)
	if err != nil {
		return nil, err
	}
	for _, tenant := range tenantsOn(server.ID, tally) {
		holds = append(holds, unassigned(server, tenant))
	}
	companies, err := w.companies(ctx)
	if err != nil {
		return nil, err
	}
	concerned := []usage.CompanyID{usage.Unassigned}
	for i := range companies {
		if slices.ContainsFunc(companies[i].Tenants, func(t fleet.Tenant) bool { return slices.Contains(r.LastTenants, t.Name) }) {
			concerned = append(concerned, companies[i].ID)
		}
	}
	for _, company := range concerned {
		if holds, err = w.ofTally(ctx, server, company, holds); err != nil {
			return nil, err
		}
	}
	return holds, nil
}

// tenantsOn gives the tenants that a server names in a tally, sorted, each once; "" where a workload names none.
func tenantsOn(server usage.ServerID, t *metering.Tally) []string {
	var tenants []string
	for i := range t.Members {
		if m := &t.Members[i]; m.Server == server {
			tenants = append(tenants, m.Key.Tenant)
		}
	}
	slices.Sort(tenants)
	return slices.Compact(tenants)
}

// unassigned is a tenant without a company, or workloads that name none: both are the unassigned company's (C30).
func unassigned(server *fleet.Server, tenant string) Condition {
	text := fmt.Sprintf("%s names the tenant %q, which belongs to no company", server.Name, tenant)
	if tenant == "" {
		text = server.Name + " lists workloads that name no tenant: they belong to no company"
	}
	return Condition{Template: UnassignedTenant, Subject: tenant, Status: StatusWarning, Message: text}
}

var flagTemplates = map[metering.FlagKind]TemplateID{
	metering.AssumedWeight: AssumedWeight,
	metering.UnknownType:   UnknownWorkloadType,
	metering.ClonedServer:  ClonedInstallation,
}

// ofTally adds the flags that counting raised about the server (C17, C19, C34).
func (s *Service) ofTally(ctx context.Context, server *fleet.Server, company usage.CompanyID, holds []Condition) ([]Condition, error) {
	tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: server.Product})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, c := range holds {
		seen[fmt.Sprint(c.Template, "/", c.Subject)] = true
	}
	for _, f := range tally.Flags {
		template, ok := flagTemplates[f.Kind]
		key := fmt.Sprint(template, "/", f.Type)
		if !ok || f.Server != server.ID || seen[key] {
			continue
		}
		seen[key] = true
		text := f.Text
		if !strings.Contains(text, server.Name) {
			text = server.Name + ": " + text
		}
		holds = append(holds, Condition{Template: template, Subject: f.Type, Status: StatusWarning, Message: text})
	}
	return holds, nil
}

// ofLicense adds what is used of a license beyond what it holds, and the sections of which that is so.
func (w *walk) ofLicense(ctx context.Context, server *fleet.Server, l *usage.License, holds []Condition) ([]Condition, error) {
	holds = append(holds, sectionsExceeded(server, l)...)
	if l.Licensed == nil || *l.Licensed == 0 { // it is not sold by instances
		return holds, nil
	}
	tally, err := w.tally(ctx, server)
	if err != nil {
		return nil, err
	}
	used, _ := usedOf(tally, server.ID, l.Unit)
	c, exceeds, err := exceeded(server, l, used, func() (usage.Units, error) {
		// The vendor's months turn in UTC.
		before, err := w.Ledger.Usage(ctx, ledger.Query{
			Company: tally.Company, Product: server.Product, At: usage.MonthOf(w.Now(), time.UTC).Previous().Last(time.UTC),
		})
		if err != nil {
			return 0, err
		}
		_, fresh := usedOf(before, server.ID, l.Unit)
		return fresh, nil
	})
	if exceeds {
		holds = append(holds, c)
	}
	return holds, err
}
