package app_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

var novemberMonth = octoberMonth.Next()

// months looks at statements as a process that begins now, and fails unless these are the messages of what stands.
func (o *office) months(at time.Time, want ...string) {
	o.t.Helper()
	o.now = at
	o.begin()
	o.check(o.Alarms.CheckMonths(o.t.Context()))
	o.says(want...)
}

func (o *office) says(want ...string) {
	o.t.Helper()
	var got []string
	for _, template := range []alarm.TemplateID{alarm.StatementWaiting, alarm.FigureChanged} {
		events, err := o.Store.Events(o.t.Context(), template)
		o.check(err)
		for i := range events {
			if e := &events[i]; e.Status != alarm.StatusResolved {
				got = append(got, e.Message)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		o.t.Errorf("want (-), got (+)\n%s", d)
	}
}

func december(day int) time.Time { return time.Date(2026, 12, day, 2, 0, 0, 0, time.UTC) }

func (o *office) draft(month usage.Month) {
	o.t.Helper()
	_, _, err := o.Months.Draft(o.t.Context(), o.server.Company, month, "jane")
	o.check(err)
}

func (o *office) finaliseMonth(month usage.Month) {
	o.t.Helper()
	_, err := o.Months.Approve(o.t.Context(), o.server.Company, month, "jane", map[string]string{"*": "so be it"}, false)
	o.check(err)
	_, err = o.Months.Finalise(o.t.Context(), o.server.Company, month, "jane")
	o.check(err)
}

const nothingDrafted = "The statements of 2026-11 are not final: Northwind (not drafted)"

// C40: statements of a month wait from the 10th of the next one on, until they are final.
func TestStatementsThatWaitAreAnAlarm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.months(december(9).Add(21 * time.Hour))
	o.months(december(9).Add(22*time.Hour), nothingDrafted)
	o.months(december(11), nothingDrafted)
	o.months(december(2), nothingDrafted) // the clock went back
	o.now = december(12)
	_, err := o.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Southridge"}) // has no November
	o.check(err)
	o.draft(novemberMonth)
	o.months(december(12), "The statements of 2026-11 are not final: Northwind (draft)")
	o.months(december(41), "The statements of 2026-11 are not final: Northwind (draft)",
		"The statements of 2026-12 are not final: Northwind (not drafted), Southridge (not drafted)")
	o.finaliseMonth(novemberMonth)
	o.months(december(41), "The statements of 2026-12 are not final: Northwind (not drafted), Southridge (not drafted)")
	events, err := o.Store.Events(t.Context(), alarm.StatementWaiting)
	o.check(err)
	if len(events) != 2 || events[0].RepeatCount != 1 || events[0].Company != usage.Unassigned || events[0].Subject != "2026-11" {
		t.Errorf("%+v", events)
	}
}

// A process looks once an hour, and when somebody moved statements on here.
func TestStatementsAreLookedAtHourly(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.months(december(9).Add(21*time.Hour + 30*time.Minute))
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{{59 * time.Minute, nil}, {time.Minute, []string{nothingDrafted}}} {
		o.now = o.now.Add(step.after)
		o.check(o.Alarms.CheckMonths(t.Context()))
		o.says(step.want...)
	}
	o.draft(novemberMonth)
	o.finaliseMonth(novemberMonth)
	o.check(o.Alarms.CheckMonths(t.Context()))
	o.says(nothingDrafted)
	o.Alarms.MonthsMoved()
	o.check(o.Alarms.CheckMonths(t.Context()))
	o.says()
}

// Who makes no statements is not asked for any.
func TestNoStatementsNoAlarm(t *testing.T) {
	t.Parallel()
	o := &office{t: t, dir: t.TempDir(), now: december(1)}
	o.begin()
	_, err := o.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	o.check(err)
	o.months(december(50))
}

// A figure that moved is an alarm until its statement is final or says otherwise.
func TestFiguresThatMovedAreAnAlarm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.now, 16) // nine more than 7: too few
	o.now = december(1)
	o.draft(novemberMonth)
	o.months(december(2))
	o.read(o.now.AddDate(0, 0, -5), 17)
	o.draft(novemberMonth)
	moved := "Northwind, 2026-11: its figures are not those of the month before: VBR_vSphere_VM in Instances used 7 → 17 (7 → 17 units)"
	o.months(december(2), moved)
	o.months(december(3), moved)
	o.read(december(3).AddDate(0, 0, -5), 7)
	o.draft(novemberMonth)
	o.months(december(3))
	o.read(december(3).AddDate(0, 0, -4), 17)
	o.draft(novemberMonth)
	o.months(december(4), moved)
	o.finaliseMonth(novemberMonth)
	o.months(december(5))
	events, err := o.Store.Events(t.Context(), alarm.FigureChanged)
	o.check(err)
	if len(events) != 1 || events[0].RepeatCount != 2 || events[0].Company != o.server.Company {
		t.Errorf("%+v", events)
	}
}

// A statement that cannot be read keeps no other from its alarm.
func TestDamagedStatementKeepsNoOtherFromItsAlarm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.read(o.now, 17)
	south, err := o.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Southridge"})
	o.check(err)
	o.now = december(1)
	o.draft(novemberMonth)
	_, _, err = o.Months.Draft(t.Context(), south.ID, novemberMonth, "jane")
	o.check(err)
	db, err := sql.Open("sqlite", filepath.Join(o.dir, "tallystick.db"))
	o.check(err)
	_, err = db.ExecContext(t.Context(), `UPDATE statements SET checksum = checksum + 1 WHERE company = $1`, int64(south.ID))
	o.check(err)
	o.check(db.Close())
	o.now = december(12)
	o.begin()
	if err := o.Alarms.CheckMonths(t.Context()); err == nil || !strings.Contains(err.Error(), "company 3") {
		t.Errorf("%v", err)
	}
	o.says("The statements of 2026-11 are not final: Northwind (draft)",
		"Northwind, 2026-11: its figures are not those of the month before: VBR_vSphere_VM in Instances used 7 → 17 (7 → 17 units)")
}
