package metrics

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// Ledger is where figures come from; *ledger.Ledger is one.
type Ledger interface {
	Usage(ctx context.Context, q ledger.Query) (*metering.Tally, error)
	Readings(ctx context.Context, only ...usage.ServerID) ([]ledger.ServerReadings, error)
	Kept() ledger.Kept
}

// Store is what is asked besides; every store.Store is one.
type Store interface {
	Head(ctx context.Context) (ledger.Head, error)
	Servers(ctx context.Context) ([]fleet.Server, error)
	Company(ctx context.Context, id usage.CompanyID) (fleet.Company, error)
	Companies(ctx context.Context) ([]fleet.Company, error)
	Events(ctx context.Context, template alarm.TemplateID) ([]alarm.Event, error)
	StatementsIn(ctx context.Context, month usage.Month) ([]statement.Statement, error)
}

// Sources are what is asked at a scrape.
type Sources struct {
	Ledger Ledger
	Store  Store
	// Undrafted counts the companies that are to have a statement of a month and have none; see statement.Service.
	Undrafted func(ctx context.Context, month usage.Month, zone *time.Location, have []statement.Statement) (int, error)
	Zone      func(ctx context.Context) (*time.Location, error)
	// Size gives the bytes that the database takes, and those of its journal.
	Size func(ctx context.Context) (data, journal int64, err error)
	// DiskFree gives the bytes that may still be written; errors.ErrUnsupported: not known on this system.
	DiskFree func() (int64, error)
	// Schedule tells of the reading in the background; false: there is none.
	Schedule func() (Schedule, bool)
}

// Schedule is how the reading in the background stands.
type Schedule struct {
	Servers, Failing, Waiting int
	Lag                       time.Duration
}

// What is dear is kept: readings and alarms change with each reading, statements in the days after a month, when all of
// them are read to be counted.
const (
	keepLists      = time.Minute
	keepStatements = 10 * time.Minute
)

func (m *Metrics) list() []*source {
	list := []*source{
		{name: "ledger", ask: m.ledger},
		{name: "store", ask: m.size},
		{name: "disk", ask: m.disk},
		{name: "schedule", ask: m.schedule},
		{name: "servers", keep: keepLists, ask: m.servers},
		{name: "alarms", keep: keepLists, ask: m.alarms},
	}
	if m.options.Companies > 0 {
		list = append(list, &source{name: "companies", ask: m.companies})
	}
	// Last, so that others are not short of time where there are very many.
	return append(list, &source{name: "statements", keep: keepStatements, ask: m.statements})
}

var (
	positionDesc = desc("tallystick_ledger_position", "The number of the last entry of the ledger.")
	recordedDesc = desc("tallystick_ledger_recorded_timestamp_seconds", "When the last entry was recorded.")
	lagDesc      = desc("tallystick_ledger_refresh_lag_seconds", "How long ago this console knew of all changes; absent: it follows none, and answers are counted anew.")
	keptDesc     = desc("tallystick_ledger_kept_answers", "Answers for now that are kept in memory, each for one company and product.")
)

func (m *Metrics) ledger(ctx context.Context, f *found) error {
	kept := m.options.Sources.Ledger.Kept()
	f.gauge(keptDesc, float64(kept.Answers))
	if kept.Followed {
		f.gauge(lagDesc, kept.Lag.Seconds())
	}
	head, err := m.options.Sources.Store.Head(ctx)
	if err != nil {
		return err
	}
	f.gauge(positionDesc, float64(head.Position))
	if head.Position > 0 {
		f.gauge(recordedDesc, seconds(head.RecordedAt))
	}
	return nil
}

var (
	sizeDesc = desc("tallystick_store_size_bytes", "Room that the database takes: its data, and of SQLite the journal (WAL).", "part")
	diskDesc = desc("tallystick_disk_free_bytes", "Room that is left where the database, or the data directory, lies.")
)

func (m *Metrics) size(ctx context.Context, f *found) error {
	data, journal, err := m.options.Sources.Size(ctx)
	if err != nil {
		return err
	}
	f.gauge(sizeDesc, float64(data), "data")
	f.gauge(sizeDesc, float64(journal), "journal")
	return nil
}

func (m *Metrics) disk(_ context.Context, f *found) error {
	free, err := m.options.Sources.DiskFree()
	if err == nil {
		f.gauge(diskDesc, float64(free))
	}
	return err
}

var (
	scheduledDesc = desc("tallystick_schedule_servers", "Servers that are read in the background.")
	failingDesc   = desc("tallystick_schedule_failing_servers", "Those whose last reading failed.")
	waitingDesc   = desc("tallystick_schedule_waiting_servers", "Those whose time has come and whose turn has not.")
	lateDesc      = desc("tallystick_schedule_lag_seconds", "For how long the first of these has waited.")
)

func (m *Metrics) schedule(_ context.Context, f *found) error {
	if s, runs := m.options.Sources.Schedule(); runs {
		f.gauge(scheduledDesc, float64(s.Servers))
		f.gauge(failingDesc, float64(s.Failing))
		f.gauge(waitingDesc, float64(s.Waiting))
		f.gauge(lateDesc, s.Lag.Seconds())
	}
	return nil
}

var (
	serversDesc = desc("tallystick_servers", "Servers by the age of their latest reading: current, stale, or unknown, of which there is none.", "product", "state")
	silentDesc  = desc("tallystick_servers_silent", "Servers that are stale or unknown, and of which nothing was read for more than a day.", "product")
)

// silentAfter is for how long a server may be silent before somebody should know.
const silentAfter = 24 * time.Hour

// states are how many servers of a product stand how.
type states struct{ current, stale, unknown, silent int }

func (m *Metrics) servers(ctx context.Context, f *found) error {
	servers, err := m.options.Sources.Store.Servers(ctx)
	if err != nil {
		return err
	}
	readings, err := m.options.Sources.Ledger.Readings(ctx)
	if err != nil {
		return err
	}
	latest := make(map[usage.ServerID]time.Time, len(readings))
	for i := range readings {
		if last := readings[i].Last; last != nil {
			latest[readings[i].Server] = last.TakenAt
		}
	}
	now, by := m.options.Now(), make(map[usage.Product]states, usage.ProductCount)
	for i := range servers {
		v := &servers[i]
		s := by[v.Product]
		s.add(v, latest[v.ID], now)
		by[v.Product] = s
	}
	for product, s := range by {
		f.gauge(serversDesc, float64(s.current), string(product), "current")
		f.gauge(serversDesc, float64(s.stale), string(product), "stale")
		f.gauge(serversDesc, float64(s.unknown), string(product), "unknown")
		f.gauge(silentDesc, float64(s.silent), string(product))
	}
	return nil
}

func (s *states) add(v *fleet.Server, latest, now time.Time) {
	since := latest
	switch {
	case latest.IsZero():
		since = v.CreatedAt
		s.unknown++
	case now.Sub(latest) > metering.StaleAfter(v.Interval):
		s.stale++
	default:
		s.current++
		return
	}
	if now.Sub(since) > silentAfter {
		s.silent++
	}
}

var alarmsDesc = desc("tallystick_alarms_open", "Alarms that stand, by kind and how bad they are; acknowledged: somebody knows.", "template", "name", "severity")

func (m *Metrics) alarms(ctx context.Context, f *found) error {
	events, err := m.options.Sources.Store.Events(ctx, 0)
	if err != nil {
		return err
	}
	type kind struct {
		template alarm.TemplateID
		severity alarm.Status
	}
	open := make(map[kind]int)
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved {
			open[kind{e.Template, e.Status}]++
		}
	}
	for k, n := range open {
		name := ""
		if t, known := alarm.TemplateByID(k.template); known {
			name = t.Name
		}
		f.gauge(alarmsDesc, float64(n), strconv.Itoa(int(k.template)), name, strings.ToLower(string(k.severity)))
	}
	return nil
}

var (
	statementsDesc = desc("tallystick_statements", "Statements of the last month that is over, by state; missing: a company is to have one and has none.", "month", "state")
	monthEndDesc   = desc("tallystick_month_ended_timestamp_seconds", "When that month ended, in the provider's zone.", "month")
)

func (m *Metrics) statements(ctx context.Context, f *found) error {
	zone, err := m.options.Sources.Zone(ctx)
	if err != nil {
		return err
	}
	month := usage.MonthOf(m.options.Now(), zone).Previous()
	have, err := m.options.Sources.Store.StatementsIn(ctx, month)
	if err != nil {
		return err
	}
	missing, err := m.options.Sources.Undrafted(ctx, month, zone, have)
	if err != nil {
		return err
	}
	by := make(map[statement.State]int, 3)
	for i := range have {
		by[have[i].State]++
	}
	for _, state := range []statement.State{statement.Draft, statement.Approved, statement.Final} {
		f.gauge(statementsDesc, float64(by[state]), month.String(), string(state))
	}
	f.gauge(statementsDesc, float64(missing), month.String(), "missing")
	f.gauge(monthEndDesc, seconds(month.End(zone)), month.String())
	return nil
}
