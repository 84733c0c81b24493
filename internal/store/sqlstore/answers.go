package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	stepColumns   = `SELECT event, number, step, status, message, actor, remark, at, checksum FROM steps`
	allStepsSQL   = stepColumns + ` ORDER BY event, number, step`
	stepsOfSQL    = stepColumns + ` WHERE event = $1 ORDER BY number, step`
	nextStepSQL   = `SELECT COALESCE(MAX(step), 0) + 1 FROM steps WHERE event = $1 AND number = $2`
	insertStepSQL = `INSERT INTO steps (event, number, step, status, message, actor, remark, at, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

	// What ended before an instant: events but the newest, whose number would be given again, and of the others all
	// activations but the latest.
	endedEventsSQL      = `SELECT id FROM events WHERE status = 'Resolved' AND at < $1 AND id < (SELECT MAX(id) FROM events)`
	endedActivationsSQL = `SELECT a.event, a.number FROM activations a JOIN events e ON e.id = a.event WHERE a.resolved_at < $1 AND a.number < e.repeat_count`
	deleteStepsSQL      = `DELETE FROM steps WHERE event = $1`
	deleteHistorySQL    = `DELETE FROM activations WHERE event = $1`
	deleteEventSQL      = `DELETE FROM events WHERE id = $1`
	deleteStepsInSQL    = `DELETE FROM steps WHERE event = $1 AND number = $2`
	deleteActivationSQL = `DELETE FROM activations WHERE event = $1 AND number = $2`
)

// AnswerEvent changes an event's status as a person says.
func (s *Store) AnswerEvent(ctx context.Context, id int64, a alarm.Answer, at time.Time) (alarm.Event, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		e, err := storedEvent(ctx, tx, id)
		if err == nil && a.When != nil {
			err = a.When(&e)
		}
		if err == nil {
			err = answerable(&e, a.Status)
		}
		if err != nil {
			return err
		}
		if a.Status == alarm.StatusAcknowledged {
			e.Held = e.Status
		} else {
			e.Held = ""
		}
		e.Status, e.Actor, e.Remark = a.Status, a.Actor, a.Remark
		if at = usage.Truncate(at); at.After(e.At) { // our clock may have gone back
			e.At = at
		}
		if err := updateEvent(ctx, tx, &e, at); err != nil {
			return err
		}
		if err := addStep(ctx, tx, &e); err != nil {
			return err
		}
		of, err := s.ofEvent(ctx, tx, &e)
		if err != nil {
			return err
		}
		if err := noted(e.Noted(ctx), tx, of, s.now()); err != nil {
			return err
		}
		if e.Status == alarm.StatusResolved {
			if err := endActivation(ctx, tx, &e); err != nil {
				return err
			}
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return alarm.Event{}, err
	}
	return s.Event(ctx, id)
}

func answerable(e *alarm.Event, status alarm.Status) error {
	switch {
	case e.Status == alarm.StatusResolved:
		return fault.New(fault.Conflict, "alarm %d is resolved already", e.ID)
	case e.Status == status:
		return fault.New(fault.Conflict, "alarm %d was acknowledged already, by %s: %s", e.ID, e.Actor, e.Remark)
	case status != alarm.StatusAcknowledged && status != alarm.StatusResolved:
		return fault.New(fault.Invalid, "an alarm is acknowledged or resolved by a person, and not made %q", status)
	}
	return nil
}

func storedEvent(ctx context.Context, tx *sql.Tx, id int64) (alarm.Event, error) {
	e, found, err := first(ctx, tx, proven(scanEvent), eventSQL, id)
	if err == nil && !found {
		err = noEvent(id)
	}
	return e, err
}

func noEvent(id int64) error { return fault.New(fault.NotFound, "there is no alarm %d", id) }

// step is one change of status within an activation.
type step struct {
	event, number, step            int64
	status, message, actor, remark string
	at                             int64
}

// addStep notes the status that an event has now.
func addStep(ctx context.Context, tx *sql.Tx, e *alarm.Event) error {
	next, _, err := first(ctx, tx, scanInt, nextStepSQL, e.ID, e.RepeatCount)
	if err != nil {
		return err
	}
	t := step{e.ID, int64(e.RepeatCount), next, string(e.Status), e.Message, e.Actor, e.Remark, micros(e.At)}
	_, err = tx.ExecContext(ctx, insertStepSQL, t.event, t.number, t.step, t.status, t.message, t.actor, t.remark, t.at, t.sum())
	return err
}

func (t *step) sum() int64 {
	return checksum(number(t.event), number(t.number), number(t.step), t.status, t.message, t.actor, t.remark, number(t.at))
}

func scanStep(row scanner) (t step, p proof, err error) {
	err = row.Scan(&t.event, &t.number, &t.step, &t.status, &t.message, &t.actor, &t.remark, &t.at, &p.kept)
	p.what, p.of, p.want = "a step of event", t.event, t.sum()
	return t, p, err
}

func summedSteps() summed {
	key := func(t step, _ proof) []any { return []any{t.event, t.number, t.step} }
	return summed{"steps", allStepsSQL, withKey(scanStep, key), ""}
}

// EventHistory gives the activations of an event that are kept.
func (s *Store) EventHistory(ctx context.Context, id int64) (all []alarm.Activation, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		e, err := storedEvent(ctx, tx, id)
		if err != nil {
			return err
		}
		kept, err := collect(ctx, tx, proven(scanActivation), activationsOfSQL, id)
		if err != nil {
			return err
		}
		steps, err := collect(ctx, tx, proven(scanStep), stepsOfSQL, id)
		if err != nil {
			return err
		}
		for i := range kept {
			all = append(all, fromRowActivation(&kept[i], &e, steps))
		}
		return nil
	})
	return all, err
}

// fromRowActivation puts together how an activation began, what changed within it, and how it ended.
func fromRowActivation(a *activation, e *alarm.Event, steps []step) alarm.Activation {
	of := alarm.Activation{Number: int(a.number), Steps: []alarm.Step{{At: fromMicros(a.raised), Status: alarm.Status(a.status), Message: a.message}}}
	for i := range steps {
		if t := &steps[i]; t.number == a.number {
			of.Steps = append(of.Steps, alarm.Step{At: fromMicros(t.at), Status: alarm.Status(t.status), Message: t.message, Actor: t.actor, Remark: t.remark})
		}
	}
	last := of.Steps[len(of.Steps)-1]
	if a.resolved.Valid && last.Status != alarm.StatusResolved { // by itself
		last = alarm.Step{At: fromMicros(a.resolved.Int64), Status: alarm.StatusResolved, Message: last.Message}
		if a.number == int64(e.RepeatCount) {
			last.Message = e.Message
		}
		of.Steps = append(of.Steps, last)
	}
	return of
}

// ForgetEvents takes out what ended before an instant.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time) (gone int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		ended, err := collect(ctx, tx, scanInt, endedEventsSQL, micros(before))
		if err != nil {
			return err
		}
		for _, id := range ended {
			for _, query := range []string{deleteStepsSQL, deleteHistorySQL, deleteEventSQL} {
				if _, err := tx.ExecContext(ctx, query, id); err != nil {
					return err
				}
			}
		}
		parts, err := collect(ctx, tx, scanPair[int64, int64], endedActivationsSQL, micros(before))
		if err != nil {
			return err
		}
		for _, part := range parts {
			for _, query := range []string{deleteStepsInSQL, deleteActivationSQL} {
				if _, err := tx.ExecContext(ctx, query, part.a, part.b); err != nil {
					return err
				}
			}
		}
		if gone = len(ended); gone+len(parts) == 0 {
			return nil
		}
		return bump(ctx, tx)
	})
	return gone, err
}
