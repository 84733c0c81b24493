package portal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthStep is a step with all statements of a month.
type monthStep string

// The steps.
const (
	draftAll    monthStep = "draft"
	approveAll  monthStep = "approve"
	finaliseAll monthStep = "finalise"
)

// work is something with a month that may take longer than a browser waits. It goes on whoever looks.
type work struct {
	number int
	month  usage.Month
	step   monthStep
	by     string
	over   chan struct{} // closed when it has ended
	run    func(ctx context.Context, w *work) (outcome, error)

	mu       sync.Mutex
	done, of int
	outcome  outcome
	err      error
}

// outcome is what became of a month's statements.
type outcome struct {
	Changed, Same, Approved, Final int
	Refused                        []refusal
	Left                           int // refusals that are not listed
}

type refusal struct {
	Name, To, Why string
}

// refusedMax is how many refusals are listed.
const refusedMax = 200

// take notes what became of a company's statement.
func (o *outcome) take(c *statement.Outcome, month usage.Month, company string) {
	switch {
	case c.Err != nil && len(o.Refused) == refusedMax:
		o.Left++
	case c.Err != nil:
		o.Refused = append(o.Refused, refusal{company, statementPath(month, c.Company), fault.Text(c.Err)})
	case c.Changed:
		o.Changed++
	case c.Statement.State == statement.Approved:
		o.Approved++
	case c.Statement.State == statement.Final:
		o.Final++
	default:
		o.Same++
	}
}

func (w *work) progress(done, of int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.of = done, of
}

// workshop is where works are done, one after the other.
type workshop struct {
	queue chan *work

	mu    sync.Mutex
	last  int
	works []*work // the latest ones
}

const (
	worksWaiting = 10 // that may wait for those before them
	worksKept    = 30 // of which it is known what became of them
)

func newWorkshop() *workshop { return &workshop{queue: make(chan *work, worksWaiting)} }

// begin puts a work into the queue. Conflict: another one with the month has not ended; Unavailable: too many wait.
func (s *workshop) begin(w *work, t texts) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.works {
		if o.month == w.month && !o.ended() {
			return t.refuse(fault.Conflict, "work.begun", o.by, o.month)
		}
	}
	w.number, w.over = s.last+1, make(chan struct{})
	select {
	case s.queue <- w:
	default:
		return t.refuse(fault.Unavailable, "work.too-much")
	}
	s.last++
	s.works = append(s.works, w)
	s.works = s.works[max(0, len(s.works)-worksKept):]
	return nil
}

// of finds a month's work by its number; nil: it is not known any more.
func (s *workshop) of(month usage.Month, number int) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.works, func(w *work) bool { return w.number == number && w.month == month })
	if at < 0 {
		return nil
	}
	return s.works[at]
}

// running finds what is being done with a month; nil: nothing is.
func (s *workshop) running(month usage.Month) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.works, func(w *work) bool { return w.month == month && !w.ended() })
	if at < 0 {
		return nil
	}
	return s.works[at]
}

func (w *work) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// Work does what takes longer than a browser waits, until ctx ends. What was done of it by then stays done.
func (p *Portal) Work(ctx context.Context, log *slog.Logger) {
	again := time.NewTicker(begunFor)
	defer again.Stop()
	p.lookForFirsts(ctx, log)
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			p.lookForFirsts(ctx, log)
		case w := <-p.works.queue:
			p.do(audit.By(ctx, audit.Actor{Name: w.by, Via: "portal"}), w)
			if w.err != nil && !told(w.err) && ctx.Err() == nil {
				log.Error("a step with a month's statements failed", "step", w.step, "month", w.month, "error", w.err)
			}
		}
	}
}

// lookForFirsts has it at hand since when companies have readings.
func (p *Portal) lookForFirsts(ctx context.Context, log *slog.Logger) {
	if _, err := p.firsts(ctx); err != nil && ctx.Err() == nil {
		log.Error("it is not known since when there are readings", "error", err)
	}
}

// told reports whether an error says to whoever asked all that there is to say.
func told(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound)
}

func (p *Portal) do(ctx context.Context, w *work) {
	defer close(w.over)
	defer p.Alarms.MonthsMoved()
	o, err := w.run(ctx, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome, w.err = o, err
}

// workView says how far a work is.
type workView struct {
	Step     monthStep
	By       string
	Running  bool
	Done, Of int
	Outcome  outcome
	Failed   string
}

func (p *Portal) workView(w *work) *workView {
	running := !w.ended() // before the rest is looked at, which stays as it is when it has ended
	w.mu.Lock()
	out := &workView{Step: w.step, By: w.by, Running: running, Done: w.done, Of: w.of, Outcome: w.outcome}
	if w.err != nil {
		out.Failed = fault.Text(w.err)
	}
	w.mu.Unlock()
	return out
}

// quick is how long a browser is kept waiting for what may be done at once.
const quick = 2 * time.Second

// start gives an endpoint that begins a step with a month and shows it, as soon as it is done or has begun.
func (p *Portal) start(action access.Action, step monthStep, run func(ctx context.Context, w *work) (outcome, error)) endpoint {
	return func(v *visit) (any, error) {
		if err := v.allow(action, access.Provider); err != nil {
			return nil, err
		}
		month, err := v.month()
		if err != nil {
			return nil, err
		}
		w := &work{month: month, step: step, by: v.actor.Name, run: run}
		if err := p.works.begin(w, p.texts); err != nil {
			return nil, err
		}
		select {
		case <-w.over:
		case <-time.After(quick):
		case <-v.ctx().Done():
		}
		return redirect(workPath(w), "")
	}
}

// drafting drafts all statements of a month, or counts them anew.
func (p *Portal) drafting(ctx context.Context, w *work) (o outcome, err error) {
	names, ids, err := p.everyCompany(ctx)
	if err != nil {
		return o, err
	}
	all, err := p.Months.DraftAll(ctx, ids, w.month, w.by, w.progress)
	statement.Settle(all, statement.Approved, statement.Final)
	for i := range all {
		o.take(&all[i], w.month, names[all[i].Company])
	}
	return o, err
}

// approving approves those drafts of a month that need no reason: the others are refused, each with what it needs.
func (p *Portal) approving(ctx context.Context, w *work) (o outcome, err error) {
	all, err := p.Kept.StatementsIn(ctx, w.month)
	if err != nil {
		return o, err
	}
	all = slices.DeleteFunc(all, func(t statement.Statement) bool { return t.State != statement.Draft })
	for i := range all {
		step := func(id usage.CompanyID) (statement.Statement, error) {
			return p.Months.Approve(ctx, id, w.month, w.by, nil, false)
		}
		one, err := statement.Each([]usage.CompanyID{all[i].Company}, step)
		for j := range one {
			o.take(&one[j], w.month, all[i].CompanyName)
		}
		if err != nil {
			return o, err
		}
		w.progress(i+1, len(all))
	}
	return o, nil
}

// finalising makes a whole month final, or nothing of it.
func (p *Portal) finalising(ctx context.Context, w *work) (o outcome, err error) {
	before, err := p.Kept.StatementsIn(ctx, w.month)
	if err != nil {
		return o, err
	}
	if err := p.Months.FinaliseMonth(ctx, w.month, w.by); err != nil {
		return o, err
	}
	for i := range before {
		if before[i].State == statement.Final {
			o.Final++
		} else {
			o.Changed++
		}
	}
	return o, nil
}
