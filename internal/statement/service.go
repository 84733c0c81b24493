package statement

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
)

// Service makes statements and moves them through their states. Every step is one transaction: a crash leaves a
// statement as it was, or done.
type Service struct {
	Counter
	Companies fleet.CompanyStore
	Servers   fleet.ServerStore
	Store     Store
	Plans     Plans // with which months are priced that become final
	Now       func() time.Time

	when func(*Statement) error // see When
}

// When gives a service whose steps with one statement are made only if when has no error for the latest one, of those on
// which the step rests; its error is the answer.
func (s *Service) When(when func(*Statement) error) *Service {
	limited := *s
	limited.when = when
	return &limited
}

// What was done, in the trail.
const (
	didDraft     = "drafted"
	didRedraft   = "redrafted"
	didAdjust    = "adjusted"
	didWithdraw  = "withdrew an adjustment"
	didApprove   = "approved"
	didReopen    = "reopened"
	didFinalise  = "finalised"
	didSupersede = "superseded"
)

// farthest is how much earlier a month may begin somewhere than in UTC.
const farthest = 14 * time.Hour

// head gives the cutoff at which everything known now counts.
func (s *Service) head(ctx context.Context) (cutoff, error) {
	head, err := s.Ledger.Store.Head(ctx)
	if err != nil || head.Position == 0 {
		return cutoff{before: 1}, err
	}
	return cutoff{head.Position + 1, &head.RecordedAt}, nil
}

// Show gives the month's latest statement. Of a month that is running, or was not drafted, it counts what is known now,
// and its state is Open; then nothing is kept.
func (s *Service) Show(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (Statement, error) {
	kept, err := s.Store.Statement(ctx, company, month, number)
	if number > 0 || !fault.Is(err, fault.NotFound) {
		return kept, err
	}
	return s.fresh(ctx, company, month)
}

// ShowAsOf counts a month with what was known at an instant, as Show does where there is no statement, whatever there is of it by now. Nothing is
// kept. Invalid: the instant lies ahead, or the month had not begun then.
func (s *Service) ShowAsOf(ctx context.Context, company usage.CompanyID, month usage.Month, known time.Time) (Statement, error) {
	if known = usage.Truncate(known); known.After(s.Now()) {
		return Statement{}, fault.New(fault.Invalid, "what will be known at %s is not known yet", known.UTC().Format(time.RFC3339))
	}
	before, err := s.Ledger.Store.PositionAt(ctx, known)
	if err != nil {
		return Statement{}, err
	}
	c, err := s.Companies.Company(ctx, company)
	if err != nil {
		return Statement{}, err
	}
	then := *s
	then.Now = func() time.Time { return known }
	return then.counted(ctx, &c, month, cutoff{before, &known})
}

// cutoff is up to where entries count, and when the last of them was recorded.
type cutoff struct {
	before usage.Position
	at     *time.Time
}

// fresh counts a month with all that is known now.
func (s *Service) fresh(ctx context.Context, company usage.CompanyID, month usage.Month) (Statement, error) {
	head, err := s.head(ctx)
	if err != nil {
		return Statement{}, err
	}
	c, err := s.Companies.Company(ctx, company)
	if err != nil {
		return Statement{}, err
	}
	return s.counted(ctx, &c, month, head)
}

func (s *Service) counted(ctx context.Context, c *fleet.Company, month usage.Month, upTo cutoff) (t Statement, err error) {
	err = s.From(ctx, c.ID, upTo.before, func(evidence Evidence) error {
		t, err = s.countedFrom(ctx, evidence, c, month, upTo)
		return err
	})
	return t, err
}

func (s *Service) countedFrom(ctx context.Context, evidence Evidence, c *fleet.Company, month usage.Month, upTo cutoff) (Statement, error) {
	now := usage.Truncate(s.Now())
	if now.Before(month.Start(time.UTC).Add(-farthest)) {
		return Statement{}, fault.New(fault.Invalid, "%s has not begun yet", month)
	}
	content, _, err := CountFrom(ctx, evidence, c.ID, month, now)
	return Statement{
		Schema: Schema, Company: c.ID, CompanyUID: c.UID, CompanyName: c.Name, Month: month.String(), State: Open, Cutoff: upTo.before, CutoffAt: upTo.at,
		Content: content, Adjustments: []Adjustment{}, Reasons: []Reason{}, Differences: []Difference{}, Trail: []Step{},
	}, err
}

// Workloads gives the workloads behind a statement, counted again from its cutoff. Internal: they are not those that
// were counted.
func (s *Service) Workloads(ctx context.Context, t *Statement) ([]Workload, error) {
	content, workloads, err := s.Count(ctx, t.Company, t.Key().Month, t.Cutoff, t.countedAt())
	if err == nil && content.Digest != t.Content.Digest {
		err = fault.New(fault.Internal, "what the ledger says of the statement of company %s for %s is not what was counted then: run doctor", t.Company, t.Month)
	}
	return workloads, err
}

// countedAt is when a month was counted that was running then; zero: it was over.
func (t *Statement) countedAt() (at time.Time) {
	switch c := &t.Content; {
	case !c.running(t.Key().Month):
	case c.At.After(c.AtUTC):
		at = c.At
	default:
		at = c.AtUTC
	}
	return at
}

// Draft makes a company's draft of a month that is over, or counts an existing one anew, with all that is known by now.
// Where that is what it says already, nothing is written, and changed is false. Conflict: the month is not over, or not
// the next one, its statement is approved or final, or an adjustment does not fit any more.
func (s *Service) Draft(ctx context.Context, company usage.CompanyID, month usage.Month, actor string) (t Statement, changed bool, err error) {
	if err := by(actor); err != nil {
		return t, false, err
	}
	head, err := s.head(ctx)
	if err != nil {
		return t, false, err
	}
	c, err := s.Companies.Company(ctx, company)
	if err != nil {
		return t, false, err
	}
	g, err := s.ground(ctx, company, month)
	if err != nil {
		return t, false, err
	}
	if err := s.allowed(g.kept); err != nil {
		return t, false, err
	}
	if t, err = g.refuses(c.Name, month); err != nil {
		return t, false, err
	}
	counted, err := s.counted(ctx, &c, month, head)
	if err != nil {
		return g.none(month), false, err
	}
	if g.kept == nil { // what Show gives meanwhile
		if err := s.allowed(&counted); err != nil {
			return g.none(month), false, err
		}
	}
	t, changed, err = s.draft(ctx, &c, g, counted, actor)
	if err == nil && changed {
		t, err = s.save(ctx, t, g.seen)
	}
	return t, changed, err
}

// ground is what is known of a company's statements before a draft.
type ground struct {
	kept *Statement // the month's latest; nil: there is none
	seen Seen
	all  []Statement // of the company; nil: nobody asked for them
}

// Begins reports whether the first statement of a company is a mere draft. Then all others are, since months are approved in their order, and those
// before it can still be drafted, the nearest one first: whoever began with the wrong month is not to lose what came before.
func (t *Statement) Begins() bool { return t.State == Draft && t.Supersedes == 0 }

// back reports whether a month lies before the first one, before which others can still come.
func (g *ground) back(month usage.Month) bool {
	return len(g.all) > 0 && month.Before(g.all[0].Key().Month) && g.all[0].Begins()
}

// next gives the month of the next statement that can be drafted, for whoever wants that of a month without one: that month itself, but for the
// order of months.
func (g *ground) next(month usage.Month) usage.Month {
	switch {
	case g.first():
		return month
	case g.back(month):
		return g.all[0].Key().Month.Previous()
	}
	return g.seen.Last.Next()
}

// first reports whether the company has no statement of any month.
func (g *ground) first() bool { return g.seen.Last == usage.Month{} }

// ground looks for one company.
func (s *Service) ground(ctx context.Context, company usage.CompanyID, month usage.Month) (g ground, err error) {
	all, err := s.Store.StatementsOf(ctx, company)
	g.seen, g.all = seenOf(company, all), all
	for i := range all {
		if all[i].Key().Month == month {
			g.kept = &all[i]
		}
	}
	return g, err
}

// NextOf says of which month a company's next statement is that can be drafted, where a month has none of it: of that month itself, but for
// the order of months. all are those of the company, by month.
func NextOf(all []Statement, month usage.Month) usage.Month {
	g := ground{seen: seenOf(0, all), all: all}
	return g.next(month)
}

// none is the statement of a company that has none.
func (g *ground) none(month usage.Month) Statement {
	return Statement{Company: g.seen.Company, Month: month.String()}
}

// refuses says, as an error beside the statement that it is about, why a month cannot be drafted whatever is counted.
func (g *ground) refuses(name string, month usage.Month) (Statement, error) {
	company := g.seen.Company
	switch {
	case g.kept != nil && g.kept.State != Draft:
		return *g.kept, fault.New(fault.Conflict, "the statement of company %s for %s is %s: %s", company, month, g.kept.State, wayBack(g.kept.State))
	case g.kept == nil && g.next(month) != month && g.back(month):
		return g.none(month), fault.New(fault.Conflict, "months go in their order: %s has a draft of %s already, and before that, the nearest month first, comes its statement of %s, not of %s",
			name, g.all[0].Month, g.next(month), month)
	case g.kept == nil && g.next(month) != month:
		return g.none(month), fault.New(fault.Conflict, "months go in their order: after %s, %s has its next statement of %s, not of %s", g.seen.Last, name, g.seen.Last.Next(), month)
	}
	return Statement{}, nil
}

// draft makes a draft of what was counted, or takes it into the one that there is.
func (s *Service) draft(ctx context.Context, c *fleet.Company, g ground, counted Statement, actor string) (Statement, bool, error) {
	month := counted.Key().Month
	switch {
	case counted.Content.running(month):
		return g.none(month), false, fault.New(fault.Conflict, "%s is not over yet: it must be in UTC and in the zone that governs, %s", month, counted.Content.Zone)
	case g.first() && counted.unheardOf(c, month):
		return g.none(month), false, fault.New(fault.Conflict, "company %s was not there yet in %s, and nothing was read of it then", c.ID, month)
	case g.kept == nil:
		counted.Number, counted.State = 1, Draft
		counted.note(s.Now(), actor, didDraft, "")
		return counted, true, nil
	case g.kept.Content.same(&counted.Content):
		return *g.kept, false, nil
	}
	t, err := s.redraft(ctx, *g.kept, counted)
	if err != nil {
		return *g.kept, false, err
	}
	t.note(s.Now(), actor, didRedraft, "")
	return t, true, nil
}

// unheardOf reports whether a month was over before the company was added, and nothing is known of it.
func (t *Statement) unheardOf(c *fleet.Company, month usage.Month) bool {
	return !t.Content.read() && (c.CreatedAt.IsZero() || c.CreatedAt.After(month.Last(time.UTC).Add(farthest)))
}

// read reports whether anything was read of the month's servers.
func (c *Content) read() bool {
	return slices.ContainsFunc(c.Servers, func(s Server) bool { return s.AsOf != nil || s.Reading.Count > 0 })
}

func wayBack(state State) string {
	if state == Final {
		return "supersede makes a new one"
	}
	return "reopen it first"
}

// running reports whether the month was not over when it was counted, in the zone or in UTC.
func (c *Content) running(month usage.Month) bool {
	zone, err := time.LoadLocation(c.Zone)
	return err != nil || c.AtUTC.Before(month.Last(time.UTC)) || c.At.Before(month.Last(zone))
}

// redraft puts what is counted now in place of what was.
func (s *Service) redraft(ctx context.Context, t, counted Statement) (Statement, error) {
	t.Content, t.Cutoff, t.CutoffAt, t.CompanyName = counted.Content, counted.Cutoff, counted.CutoffAt, counted.CompanyName
	given := t.Adjustments
	t.Adjustments = []Adjustment{}
	if len(given) > 0 {
		workloads, err := s.Workloads(ctx, &t)
		if err != nil {
			return t, err
		}
		for i := range given {
			a, err := t.fit(workloads, given[i])
			if err != nil {
				return t, fault.Wrap(err, fault.Conflict, "adjustment %d does not fit what is counted now: take it back first (%v)", given[i].Number, err)
			}
			t.Adjustments = append(t.Adjustments, a)
		}
	}
	if t.Supersedes == 0 {
		return t, nil
	}
	old, err := s.Store.Statement(ctx, t.Company, t.Key().Month, t.Supersedes)
	if err == nil {
		t.Differences = differences(&old, &t)
	}
	return t, err
}

// same reports whether the same was counted. What servers are called now is not counted: a rename alone makes no other
// statement.
func (c *Content) same(o *Content) bool {
	a, errA := json.Marshal(c.nameless())
	b, errB := json.Marshal(o.nameless())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func (c *Content) nameless() *Content {
	bare := *c
	bare.Servers, bare.Issues = slices.Clone(c.Servers), slices.Clone(c.Issues)
	for i := range bare.Servers {
		bare.Servers[i].Name = ""
	}
	for i := range bare.Issues {
		bare.Issues[i].Text = ""
	}
	return &bare
}

// change reads a company's statements, changes the month's latest in one way, and keeps it if all of them still stand so.
// Beside an error it gives the statement as it was.
func (s *Service) change(ctx context.Context, company usage.CompanyID, month usage.Month, by func(t *Statement, all []Statement, seen *Seen) error) (Statement, error) {
	was, all, err := s.latest(ctx, company, month)
	if err != nil {
		return was, err
	}
	t, seen := was, seenOf(company, all)
	if err := by(&t, all, &seen); err != nil {
		return was, err
	}
	for i := range all {
		if o := &all[i]; t.Supersedes > 0 && o.Key() == (Key{company, month, t.Supersedes}) {
			t.Differences = differences(o, &t)
		}
	}
	if t, err = s.save(ctx, t, seen); err != nil {
		return was, err
	}
	return t, nil
}

// latest gives a month's latest statement, and all of the company. NotFound.
func (s *Service) latest(ctx context.Context, company usage.CompanyID, month usage.Month) (t Statement, all []Statement, err error) {
	if all, err = s.Store.StatementsOf(ctx, company); err != nil {
		return t, nil, err
	}
	for i := range all {
		if all[i].Key().Month == month {
			t = all[i]
		}
	}
	if t.Revision == 0 {
		return t, nil, fault.New(fault.NotFound, "company %s has no statement of %s", company, month)
	}
	err = s.allowed(&t)
	return t, all, err
}

// allowed asks When's condition; nil: there is no statement that it could be about.
func (s *Service) allowed(latest *Statement) error {
	if s.when == nil || latest == nil {
		return nil
	}
	return s.when(latest)
}

func (s *Service) save(ctx context.Context, t Statement, seen ...Seen) (Statement, error) {
	if err := s.Store.SaveStatements(ctx, []Statement{t}, seen...); err != nil {
		return t, err
	}
	t.Revision++
	return t, nil
}

func (t *Statement) note(at time.Time, actor, did, text string) {
	t.Trail = append(t.Trail, Step{usage.Truncate(at), actor, did, text})
}

// need refuses a step that the state does not allow.
func (t *Statement) need(state State, step string) error {
	if t.State == state {
		return nil
	}
	return fault.New(fault.Conflict, "the statement of company %s for %s is %s: only one that is %s can be %s", t.Company, t.Month, t.State, state, step)
}

// by checks who does a step; byWhy also why.
func by(actor string) error { return checkSaid(ledger.Said{Path: "actor", Text: actor}) }

func byWhy(actor, reason string) error {
	return checkSaid(ledger.Said{Path: "actor", Text: actor}, ledger.Said{Path: "reason", Text: reason})
}

func checkSaid(said ...ledger.Said) error {
	return ledger.CheckSaid("the statement is left as it is", said...)
}

// Approve freezes a draft. reasons say why, for each of its issues, by their keys; "*" for all others. Invalid: one is
// missing, or is for no issue of it; Conflict: it is no draft, or the month before is one, or by now it would be another one.
func (s *Service) Approve(ctx context.Context, company usage.CompanyID, month usage.Month, actor string, reasons map[string]string, unreviewed bool) (Statement, error) {
	if err := by(actor); err != nil {
		return Statement{}, err
	}
	return s.change(ctx, company, month, func(t *Statement, all []Statement, _ *Seen) error {
		if err := t.need(Draft, "approved"); err != nil {
			return err
		}
		if err := t.before(all, Approved, Final); err != nil {
			return err
		}
		if err := t.give(reasons); err != nil {
			return err
		}
		switch outdated, err := s.Outdated(ctx, t); {
		case err != nil:
			return err
		case outdated:
			return fault.New(fault.Conflict, "what is known by now makes another statement of company %s for %s: draft it again first", company, month)
		}
		t.State, t.Unreviewed = Approved, unreviewed
		t.note(s.Now(), actor, didApprove, "")
		return nil
	})
}

// give takes the reasons for the issues.
func (t *Statement) give(reasons map[string]string) error {
	rest := make(map[string]string, len(reasons))
	for key, text := range reasons {
		if err := checkSaid(ledger.Said{Path: "reason", Text: text}); err != nil {
			return fault.Wrap(err, fault.Invalid, "the reason for %s: %v", key, err)
		}
		rest[key] = text
	}
	t.Reasons = []Reason{}
	for _, i := range t.Content.Issues {
		text, given := rest[i.Key]
		if delete(rest, i.Key); !given {
			text, given = reasons["*"]
		}
		if given {
			t.Reasons = append(t.Reasons, Reason{i.Key, text})
		}
	}
	delete(rest, "*")
	var fields []fault.Field
	for key := range rest {
		fields = append(fields, fault.Field{Path: key, Text: "is no issue of this statement"})
	}
	for _, i := range t.Missing() {
		fields = append(fields, fault.Field{Path: i.Key, Text: "needs a reason: " + i.Text})
	}
	return fault.InvalidFields(fmt.Sprintf("the statement of company %s for %s is not approved", t.Company, t.Month), fields)
}

// before refuses a step while the month before does not stand where it must (C40: in order of months).
func (t *Statement) before(all []Statement, states ...State) error {
	for i := range all {
		o := &all[i]
		if o.Key().Month.Before(t.Key().Month) && !slices.Contains(states, o.State) {
			return fault.New(fault.Conflict, "months go in their order: the statement of company %s for %s is still %s", o.Company, o.Month, o.State)
		}
	}
	return nil
}

// Reopen makes a draft of an approved statement again; its reasons must be given anew. Conflict: it is not approved, or
// a later month is.
func (s *Service) Reopen(ctx context.Context, company usage.CompanyID, month usage.Month, actor, reason string) (Statement, error) {
	if err := byWhy(actor, reason); err != nil {
		return Statement{}, err
	}
	return s.change(ctx, company, month, func(t *Statement, all []Statement, _ *Seen) error {
		if err := t.need(Approved, "reopened"); err != nil {
			return err
		}
		for i := range all {
			if o := &all[i]; t.Supersedes == 0 && month.Before(o.Key().Month) && o.State != Draft {
				return fault.New(fault.Conflict, "months go in their order: the statement of company %s for %s is %s already", company, o.Month, o.State)
			}
		}
		t.State, t.Unreviewed, t.Reasons = Draft, false, []Reason{}
		t.note(s.Now(), actor, didReopen, reason)
		return nil
	})
}

// Finalise makes an approved statement final: it never changes again. Conflict: it is not approved, or the month before
// is not final.
func (s *Service) Finalise(ctx context.Context, company usage.CompanyID, month usage.Month, actor string) (Statement, error) {
	if err := by(actor); err != nil {
		return Statement{}, err
	}
	return s.change(ctx, company, month, func(t *Statement, all []Statement, seen *Seen) error {
		return s.finalise(ctx, t, all, seen, Step{At: s.Now(), Actor: actor})
	})
}

func (s *Service) finalise(ctx context.Context, t *Statement, all []Statement, seen *Seen, by Step) error {
	if err := t.need(Approved, "finalised"); err != nil {
		return err
	}
	if err := t.before(all, Final); err != nil {
		return err
	}
	if err := s.price(ctx, t, all, seen); err != nil {
		return err
	}
	t.State = Final
	t.note(by.At, by.Actor, didFinalise, "")
	return nil
}

// price keeps with a statement what its month is priced with: that of the one which it supersedes, whose invoice it corrects, or else
// the company's plan as it stands, and must stand still when it is kept. Of a company without a plan nothing was agreed, and nothing is kept.
func (s *Service) price(ctx context.Context, t *Statement, all []Statement, seen *Seen) error {
	for i := range all {
		if o := &all[i]; o.Month == t.Month && o.Number == t.Supersedes && o.Priced != nil {
			t.Priced = o.Priced
			return nil
		}
	}
	c, err := s.Companies.Company(ctx, t.Company)
	if err != nil {
		return err
	}
	seen.Agreed = &Agreed{Plan: c.Profile.Plan}
	if c.Profile.Plan == 0 {
		return nil
	}
	item, err := s.Plans.Get(ctx, c.Profile.Plan)
	state := plan.StateOf(item)
	t.Priced, seen.Agreed.Revision = &state, state.Revision
	return err
}

// ErrSame is the cause where a new statement would say what the one says that it is to supersede.
var ErrSame = errors.New("the same is counted")

// Supersede makes a new draft in place of a final statement, which stays, and lists the differences. Its adjustments are
// taken over; what is counted now may have no place for one, which the trail then says. Conflict: it is not final, or
// what is known now makes the same one.
func (s *Service) Supersede(ctx context.Context, company usage.CompanyID, month usage.Month, actor, reason string) (Statement, error) {
	return s.supersede(ctx, company, month, actor, reason, false)
}

// SupersedeToAdjust is Supersede also where nothing else is known: what is to be billed otherwise is adjusted in the new
// draft.
func (s *Service) SupersedeToAdjust(ctx context.Context, company usage.CompanyID, month usage.Month, actor, reason string) (Statement, error) {
	return s.supersede(ctx, company, month, actor, reason, true)
}

func (s *Service) supersede(ctx context.Context, company usage.CompanyID, month usage.Month, actor, reason string, toAdjust bool) (Statement, error) {
	if err := byWhy(actor, reason); err != nil {
		return Statement{}, err
	}
	old, all, err := s.latest(ctx, company, month)
	if err != nil {
		return old, err
	}
	if err := old.need(Final, "superseded"); err != nil {
		return old, err
	}
	t, err := s.fresh(ctx, company, month)
	switch {
	case err != nil:
		return old, err
	case !toAdjust && t.Content.same(&old.Content):
		return old, fault.Wrap(ErrSame, fault.Conflict, "what is known now makes the same statement of %s for %s: there is nothing to supersede, unless it is to be adjusted otherwise", old.CompanyName, month)
	}
	t.Number, t.Supersedes, t.State = old.Number+1, old.Number, Draft
	t.note(s.Now(), actor, didSupersede, reason)
	if err := s.takeOver(ctx, &t, &old, actor); err != nil {
		return old, err
	}
	t.Differences = differences(&old, &t)
	return s.save(ctx, t, seenOf(company, all))
}

// takeOver makes the adjustments of a superseded statement anew. One for which there is no place any more is withdrawn at
// once, in the trail: it is not left out silently.
func (s *Service) takeOver(ctx context.Context, t, old *Statement, actor string) error {
	if len(old.Adjustments) == 0 {
		return nil
	}
	workloads, err := s.Workloads(ctx, t)
	if err != nil {
		return err
	}
	now := usage.Truncate(s.Now())
	for _, a := range old.Adjustments {
		a.Number, a.At, a.Actor = t.adjusted()+1, now, actor
		fitted, err := t.fit(workloads, a)
		t.note(now, actor, didAdjust, a.Reason)
		if err != nil {
			t.note(now, actor, didWithdraw, fmt.Sprintf("%d (%s, %d): it has no place in what is counted now: %v", a.Number, a.Type, -a.Amount.Count, err))
			continue
		}
		t.Adjustments = append(t.Adjustments, fitted)
	}
	return nil
}

// Outdated reports whether what is known now makes another statement than the one that is kept: facts arrived since.
func (s *Service) Outdated(ctx context.Context, t *Statement) (bool, error) {
	if t.State == Final {
		head, err := s.head(ctx)
		if err != nil {
			return false, err
		}
		_, late, err := s.outdated(ctx, t, head.before)
		return late, err
	}
	now, err := s.fresh(ctx, t.Company, t.Key().Month)
	return err == nil && !now.Content.same(&t.Content), err
}
