package alarm

import (
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// stale is the latest reading being too old (C32); a server that was never read counts from when it was added.
func stale(server *fleet.Server, last *usage.Snapshot, now time.Time) []Condition {
	after := metering.StaleAfter(server.Interval)
	since, text := server.CreatedAt, "it was added and never read"
	if last != nil {
		since, text = last.TakenAt, "it was read last"
	}
	if now.Sub(since) <= after {
		return nil
	}
	return []Condition{{Template: StaleFigures, Status: StatusWarning, Message: fmt.Sprintf(
		"the figures of %s are stale: %s at %s, and a reading is fresh for %s", server.Name, text, inMinutes(since), span(after))}}
}

// expiring are the license and its sections that end soon, or have ended. Each section is one for itself; that of instances
// is the license.
func expiring(server *fleet.Server, l *usage.License, now time.Time) (holds []Condition) {
	add := func(subject, what string, end *time.Time) {
		if end == nil {
			return
		}
		if c, ok := ending(LicenseExpiring, *end, now); ok {
			c.Subject, c.Message = subject, fmt.Sprintf("%s of %s %s", what, server.Name, c.Message)
			holds = append(holds, c)
		}
	}
	add("", "the license", l.ExpiresAt)
	for i := range l.Sections {
		if s := &l.Sections[i]; s.Kind != instances {
			add(s.Kind, "the license by "+s.Kind, s.ExpiresAt)
		}
	}
	return holds
}

// supportExpiring is the support of a license that ends soon, or has ended.
func supportExpiring(server *fleet.Server, l *usage.License, now time.Time) []Condition {
	if l.SupportExpiresAt == nil {
		return nil
	}
	c, ok := ending(SupportExpiring, *l.SupportExpiresAt, now)
	if !ok {
		return nil
	}
	c.Message = "the support of " + server.Name + " " + c.Message
	return []Condition{c}
}

// instances is the kind of the section that the license's own numbers are of.
const instances = "Instance"

// ending is something that ends within the days of an expiry, or has ended. Its message is the same until the next of them.
func ending(template TemplateID, end, now time.Time) (Condition, bool) {
	if !now.Before(end) {
		return Condition{Template: template, Status: StatusError, Message: "ended at " + inMinutes(end), Follow: true}, true
	}
	for _, e := range expiries {
		if end.Sub(now) <= time.Duration(e.days)*24*time.Hour {
			return Condition{Template: template, Status: e.status, Message: fmt.Sprintf("ends at %s: within %s", inMinutes(end), days(e.days)), Follow: true}, true
		}
	}
	return Condition{}, false
}

// sectionsExceeded are the parts of a license by socket or capacity of which more is used than licensed: of those nothing is allowed
// beyond.
func sectionsExceeded(server *fleet.Server, l *usage.License) (holds []Condition) {
	for i := range l.Sections {
		if s := &l.Sections[i]; s.Kind != instances && s.Used > s.Licensed {
			holds = append(holds, Condition{Template: LicenseExceeded, Subject: s.Kind, Status: StatusError, Message: fmt.Sprintf(
				"%s uses %s of %s licensed by %s, and nothing is allowed beyond", server.Name, s.Used, s.Licensed, s.Kind)})
		}
	}
	return holds
}

// exceeded is more units being used than the license holds and the vendor passes over. newBefore gives the units that were
// new in the month before; it is asked only where they decide.
func exceeded(server *fleet.Server, l *usage.License, used usage.Units, newBefore func() (usage.Units, error)) (c Condition, is bool, err error) {
	licensed, allowed := *l.Licensed, allowances[server.Product][l.Type]
	beyond := used - licensed
	if beyond <= 0 {
		return c, false, nil
	}
	warn, refuse := allowed.warn.of(licensed), allowed.refuse.of(licensed)
	if allowed.newToo && beyond > warn {
		more, err := newBefore()
		if err != nil {
			return c, false, err
		}
		warn, refuse = warn+more, refuse+more
	}
	c = Condition{Template: LicenseExceeded, Status: StatusWarning, Message: fmt.Sprintf(
		"%s uses %s %s of %s licensed; %s beyond are allowed", server.Name, used, l.Unit, licensed, refuse)}
	if beyond > refuse {
		c.Status = StatusError
	}
	return c, beyond > warn, nil
}

// usedOf adds up what a server contributes as used to a tally, and what is new, in one unit kind. Nothing of it may be known.
func usedOf(t *metering.Tally, server usage.ServerID, unit usage.UnitKind) (used, fresh usage.Units) {
	for i := range t.Servers {
		s := &t.Servers[i]
		if s.Server != server {
			continue
		}
		for k := range s.Rows {
			if r := &s.Rows[k]; r.Unit == unit {
				used, fresh = used+r.Used.Units, fresh+r.New.Units // parts of a sum that fits
			}
		}
	}
	return used, fresh
}

func inMinutes(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func days(n int) string {
	if n == 1 {
		return "a day"
	}
	return fmt.Sprint(n, " days")
}

// span gives a duration in days where it is a whole number of them.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return days(int(d / day))
	}
	return d.String()
}

// at is the instant at which a template's conditions are looked at: now, and never before the latest change of an event that
// stands. So a clock that goes back ends nothing, and begins nothing anew.
func at(now time.Time, events []Event, template TemplateID) time.Time {
	for i := range events {
		if e := &events[i]; e.Template == template && e.Status != StatusResolved && e.At.After(now) {
			now = e.At
		}
	}
	return now
}
