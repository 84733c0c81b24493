package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	eventColumns = `SELECT e.id, e.template, e.server, e.company, e.subject, e.repeat_count, e.status, e.message, e.at, e.first_at, e.remark, e.actor, e.held, e.checksum FROM events e`
	// The same of the schema that gave rows their checksums: there every event is about a server.
	serverEventsOnlySQL = `SELECT e.id, e.template, e.server, NULL, e.subject, e.repeat_count, e.status, e.message, e.at, e.first_at, '', '', '', e.checksum FROM events e ORDER BY e.id`
	eventSQL            = eventColumns + ` WHERE e.id = $1`
	eventsSQL           = eventColumns + ` ORDER BY e.id`
	eventsOfSQL         = eventColumns + ` WHERE e.template = $1 ORDER BY e.id`
	serverEventsSQL     = eventColumns + ` WHERE e.server = $1 ORDER BY e.id`
	companyEventsSQL    = eventColumns + ` WHERE e.company = $1 ORDER BY e.id`
	nextEventSQL        = `SELECT COALESCE(MAX(id), 0) + 1 FROM events`
	insertEventSQL      = `INSERT INTO events (id, template, server, company, subject, repeat_count, status, message, at, first_at, checksum) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $8, $9)`
	updateEventSQL      = `UPDATE events SET repeat_count = $2, status = $3, message = $4, at = $5, remark = $6, actor = $7, held = $8, checksum = $9 WHERE id = $1`
	insertHistorySQL    = `INSERT INTO activations (event, number, status, message, raised_at, checksum) VALUES ($1, $2, $3, $4, $5, $6)`
	endHistorySQL       = `UPDATE activations SET resolved_at = $3, checksum = $4 WHERE event = $1 AND number = $2`
	activationColumns   = `SELECT event, number, status, message, raised_at, resolved_at, checksum FROM activations`
	activationsSQL      = activationColumns + ` ORDER BY event, number`
	activationsOfSQL    = activationColumns + ` WHERE event = $1 ORDER BY number`
	activationSQL       = activationColumns + ` WHERE event = $1 AND number = $2`
)

// Settle makes the conditions of one server, among the given templates, the ones that hold.
func (s *Store) Settle(ctx context.Context, server usage.ServerID, templates []alarm.TemplateID, holds []alarm.Condition, at time.Time) error {
	if err := among(templates, holds); err != nil {
		return err
	}
	of := about{server: server}
	unsettled := false // a reading transaction first: what holds still must not wait for, or take, the writer
	err := s.read(ctx, func(tx *sql.Tx) error {
		changes, err := pendingChanges(ctx, tx, of, templates, holds)
		unsettled = len(changes) > 0
		return err
	})
	if err != nil || !unsettled {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		changed, err := settle(ctx, tx, of, templates, holds, at)
		if err != nil || !changed {
			return err
		}
		return bump(ctx, tx)
	})
}

// among refuses conditions that are not to be settled.
func among(templates []alarm.TemplateID, holds []alarm.Condition) error {
	for _, c := range holds {
		if !slices.Contains(templates, c.Template) {
			return fault.New(fault.Invalid, "a condition of template %d holds, which is not among those to settle", c.Template)
		}
	}
	return nil
}

func amongAll(templates []alarm.TemplateID, holds map[usage.CompanyID][]alarm.Condition) error {
	for _, of := range holds {
		if err := among(templates, of); err != nil {
			return err
		}
	}
	return nil
}

// SettleCompanies makes the conditions of companies, among the given templates, the ones that hold.
func (s *Store) SettleCompanies(ctx context.Context, templates []alarm.TemplateID, holds map[usage.CompanyID][]alarm.Condition, at time.Time) error {
	if err := amongAll(templates, holds); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		changed, err := settleCompanies(ctx, tx, templates, holds, at)
		if err != nil || !changed {
			return err
		}
		return bump(ctx, tx)
	})
}

// settleCompanies reports whether it changed anything.
func settleCompanies(ctx context.Context, tx *sql.Tx, templates []alarm.TemplateID, holds map[usage.CompanyID][]alarm.Condition, at time.Time) (changed bool, err error) {
	for _, company := range slices.Sorted(maps.Keys(holds)) {
		one, err := settle(ctx, tx, about{company: company}, templates, holds[company], at)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}

// about is what events are about: a server, or a company.
type about struct {
	server  usage.ServerID
	company usage.CompanyID
}

func (a about) events(ctx context.Context, tx *sql.Tx) ([]alarm.Event, error) {
	if a.server == 0 {
		if there, err := exists(ctx, tx, companyExistsSQL, int64(a.company)); err != nil || !there {
			return nil, cmp.Or(err, noCompany(a.company))
		}
		return collect(ctx, tx, proven(scanEvent), companyEventsSQL, int64(a.company))
	}
	if err := needServer(ctx, tx, a.server); err != nil {
		return nil, err
	}
	return collect(ctx, tx, proven(scanEvent), serverEventsSQL, int64(a.server))
}

// settle reports whether it changed anything.
func settle(ctx context.Context, tx *sql.Tx, of about, templates []alarm.TemplateID, holds []alarm.Condition, at time.Time) (bool, error) {
	changes, err := pendingChanges(ctx, tx, of, templates, holds)
	if err != nil {
		return false, err
	}
	for _, c := range changes {
		if err := c.apply(ctx, tx, of, usage.Truncate(at)); err != nil {
			return false, err
		}
	}
	return len(changes) > 0, nil
}

// change is one event's change of status; ID 0 raises a new event.
type change struct {
	event  alarm.Event
	status alarm.Status
	holds  alarm.Condition
}

func pendingChanges(ctx context.Context, tx *sql.Tx, of about, templates []alarm.TemplateID, holds []alarm.Condition) ([]change, error) {
	events, err := of.events(ctx, tx)
	if err != nil {
		return nil, err
	}
	type key struct {
		template alarm.TemplateID
		subject  string
	}
	known := make(map[key]alarm.Event, len(events))
	for _, e := range events {
		known[key{e.Template, e.Subject}] = e
	}
	var changes []change
	holding := make(map[key]bool, len(holds))
	for _, c := range holds {
		k := key{c.Template, c.Subject}
		if holding[k] {
			continue
		}
		holding[k] = true
		if e := known[k]; !e.Says(&c) {
			changes = append(changes, change{event: e, status: c.Status, holds: c})
		}
	}
	for _, e := range events {
		if slices.Contains(templates, e.Template) && !holding[key{e.Template, e.Subject}] && e.Status != alarm.StatusResolved {
			changes = append(changes, change{event: e, status: alarm.StatusResolved})
		}
	}
	return changes, nil
}

func (c change) apply(ctx context.Context, tx *sql.Tx, of about, at time.Time) error {
	e := c.event
	if at.Before(e.At) { // our clock went back: what came later is later
		at = e.At
	}
	switch {
	case c.status == alarm.StatusResolved:
		e.Status, e.At, e.Actor, e.Remark, e.Held = alarm.StatusResolved, at, "", "", ""
		if err := updateEvent(ctx, tx, &e, at); err != nil {
			return err
		}
		return endActivation(ctx, tx, &e)
	case e.ID == 0:
		id, _, err := first(ctx, tx, scanInt, nextEventSQL)
		if err != nil {
			return err
		}
		e = alarm.Event{
			ID: id, Template: c.holds.Template, Server: of.server, Company: of.company, Subject: c.holds.Subject, RepeatCount: 1,
			Status: c.status, Message: c.holds.Message, At: at, FirstAt: at,
		}
		if _, err := tx.ExecContext(ctx, insertEventSQL, id, int64(e.Template), idOrNull(of.server), idOrNull(of.company), e.Subject,
			string(e.Status), e.Message, micros(at), eventSum(&e)); err != nil {
			return err
		}
		if err := tellEvent(ctx, tx, &e, at); err != nil {
			return err
		}
		return activate(ctx, tx, &e)
	}
	again := e.Status == alarm.StatusResolved
	moved := e.Wakes(&c.holds) || e.Status != alarm.StatusAcknowledged && e.Status != c.status
	if moved {
		e.Status, e.At, e.Actor, e.Remark, e.Held = c.status, at, "", "", ""
	}
	e.Message = c.holds.Message
	if again {
		e.RepeatCount++
	}
	if err := updateEvent(ctx, tx, &e, at); err != nil {
		return err
	}
	switch {
	case again:
		return activate(ctx, tx, &e)
	case moved: // it got worse or better without ending: the same activation
		return addStep(ctx, tx, &e)
	}
	return nil
}

// updateEvent keeps what changed of an event at an instant, and tells who follows changes.
func updateEvent(ctx context.Context, tx *sql.Tx, e *alarm.Event, at time.Time) error {
	if _, err := tx.ExecContext(ctx, updateEventSQL, e.ID, e.RepeatCount, string(e.Status), e.Message, micros(e.At), e.Remark, e.Actor, string(e.Held), eventSum(e)); err != nil {
		return err
	}
	return tellEvent(ctx, tx, e, at)
}

// activation is one time that an event held.
type activation struct {
	event, number   int64
	status, message string
	raised          int64
	resolved        sql.NullInt64
}

func activate(ctx context.Context, tx *sql.Tx, e *alarm.Event) error {
	a := activation{event: e.ID, number: int64(e.RepeatCount), status: string(e.Status), message: e.Message, raised: micros(e.At)}
	_, err := tx.ExecContext(ctx, insertHistorySQL, a.event, a.number, a.status, a.message, a.raised, a.sum())
	return err
}

func endActivation(ctx context.Context, tx *sql.Tx, e *alarm.Event) error {
	a, found, err := first(ctx, tx, proven(scanActivation), activationSQL, e.ID, e.RepeatCount)
	if err != nil || !found {
		return err
	}
	a.resolved = sql.NullInt64{Int64: micros(e.At), Valid: true}
	_, err = tx.ExecContext(ctx, endHistorySQL, e.ID, e.RepeatCount, a.resolved, a.sum())
	return err
}

func scanActivation(row scanner) (a activation, p proof, err error) {
	err = row.Scan(&a.event, &a.number, &a.status, &a.message, &a.raised, &a.resolved, &p.kept)
	p.what, p.of, p.want = "an activation of event", a.event, a.sum()
	return a, p, err
}

func (a *activation) sum() int64 {
	return checksum(number(a.event), number(a.number), a.status, a.message, number(a.raised), optional(a.resolved))
}

// Events lists events by ID; template 0 lists all.
func (s *Store) Events(ctx context.Context, template alarm.TemplateID) ([]alarm.Event, error) {
	if template == 0 {
		return s.events(ctx, selected(eventsSQL))
	}
	return s.events(ctx, selected(eventsOfSQL, int64(template)))
}

// EventsOf lists those about a server by ID.
func (s *Store) EventsOf(ctx context.Context, server usage.ServerID) ([]alarm.Event, error) {
	return s.events(ctx, func(ctx context.Context, tx *sql.Tx) ([]alarm.Event, error) {
		return about{server: server}.events(ctx, tx)
	})
}

// selected lists what a statement selects.
func selected(query string, args ...any) func(context.Context, *sql.Tx) ([]alarm.Event, error) {
	return func(ctx context.Context, tx *sql.Tx) ([]alarm.Event, error) {
		return collect(ctx, tx, proven(scanEvent), query, args...)
	}
}

// Event gives one; NotFound otherwise.
func (s *Store) Event(ctx context.Context, id int64) (alarm.Event, error) {
	events, err := s.events(ctx, selected(eventSQL, id))
	if err == nil && len(events) == 0 {
		return alarm.Event{}, noEvent(id)
	}
	if err != nil {
		return alarm.Event{}, err
	}
	return events[0], nil
}

func (s *Store) events(ctx context.Context, list func(context.Context, *sql.Tx) ([]alarm.Event, error)) (events []alarm.Event, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		events, err = list(ctx, tx)
		if err != nil || len(events) == 0 {
			return err
		}
		v, err := s.viewNow(ctx, tx, now)
		if err != nil {
			return err
		}
		defer v.release()
		for i := range events {
			if events[i].Server == 0 {
				continue
			}
			events[i].ServerName = v.p.registry[events[i].Server].name
			events[i].Company = v.answersFor(events[i].Server)
		}
		return nil
	})
	return events, err
}

func scanEvent(row scanner) (e alarm.Event, p proof, err error) {
	var server, company sql.NullInt64
	var at, firstAt int64
	err = row.Scan(&e.ID, &e.Template, &server, &company, &e.Subject, &e.RepeatCount, &e.Status, &e.Message, &at, &firstAt, &e.Remark, &e.Actor, &e.Held, &p.kept)
	e.Server, e.Company = usage.ServerID(server.Int64), usage.CompanyID(company.Int64)
	e.At, e.FirstAt = fromMicros(at), fromMicros(firstAt)
	p.what, p.of, p.want = "event", e.ID, eventSum(&e)
	return e, p, err
}

// eventSum is over the company only where the event is about one, and over what a person said only where one did: events had
// their checksums before.
func eventSum(e *alarm.Event) int64 {
	parts := []string{
		number(e.ID), number(int64(e.Template)), number(int64(e.Server)), e.Subject, number(int64(e.RepeatCount)), string(e.Status), e.Message,
		number(micros(e.At)), number(micros(e.FirstAt)),
	}
	if e.Server == 0 {
		parts = append(parts, number(int64(e.Company)))
	}
	if e.Actor != "" || e.Remark != "" || e.Held != "" {
		parts = append(parts, e.Remark, e.Actor, string(e.Held))
	}
	return checksum(parts...)
}
