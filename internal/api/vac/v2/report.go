package v2

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Statements gives the months' statements; statement.Store is one.
type Statements interface {
	Months(ctx context.Context) ([]usage.Month, error)
	StatementsIn(ctx context.Context, month usage.Month) ([]statement.Statement, error)
}

// Months makes months final; *statement.Service does.
type Months interface {
	// FinaliseMonth makes all approved statements of a month final, or none.
	FinaliseMonth(ctx context.Context, month usage.Month, actor string) error
	// Undrafted counts the companies that are to have a statement of a month and have none among those of it.
	Undrafted(ctx context.Context, month usage.Month, zone *time.Location, have []statement.Statement) (int, error)
}

func (s *Surface) reportRoutes() []route {
	const all = "/v2/tenants/licensing/reports"
	reports := listOf(shapeOfReport)
	reports.headers = reportHeaders
	return onlyIn(Profile60, "A usage report",
		get(all, s.listReports, reports), get(all+"/latest", s.latestReport, reports), get(all+"/{date}", s.reportOfMonth, reports),
		post(all+"/finalization", s.finaliseReport, nil, itemOf(shapeOfFinalization)),
	)
}

// listReports gives a report for each month of which there are statements, the newest first.
func (s *Surface) listReports(r *http.Request) (any, error) {
	months, err := s.Statements.Months(r.Context())
	if err != nil {
		return nil, err
	}
	slices.Reverse(months)
	return s.reports(r, months)
}

func (s *Surface) latestReport(r *http.Request) (any, error) {
	month, err := s.lastMonth(r.Context())
	if err != nil {
		return nil, err
	}
	return s.reports(r, []usage.Month{month})
}

func (s *Surface) lastMonth(ctx context.Context) (usage.Month, error) {
	months, err := s.Statements.Months(ctx)
	if err != nil {
		return usage.Month{}, err
	}
	if len(months) == 0 {
		return usage.Month{}, fault.New(fault.NotFound, "There is no report yet: no statement was made of any month.")
	}
	return months[len(months)-1], nil
}

func (s *Surface) reportOfMonth(r *http.Request) (any, error) {
	text := api.PathID(r, "date")
	month, err := usage.ParseMonth(text)
	if day, bad := time.Parse(time.DateOnly, text); bad == nil {
		month, err = usage.MonthOf(day, time.UTC), nil
	}
	if err != nil {
		return nil, fault.InvalidFields("There is no such report.", []fault.Field{{Path: "date", Text: "is a month as 2026-10"}})
	}
	months, err := s.Statements.Months(r.Context())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(months, month) { // not an empty list: nothing was counted, which is not that nothing was used
		return nil, fault.New(fault.NotFound, "There is no report of %s: no statement was made of that month.", month)
	}
	return s.reports(r, []usage.Month{month})
}

// finaliseReport makes the statements of the latest month final, all or none (C40). What a client sends does not matter:
// the reference has no body.
func (s *Surface) finaliseReport(r *http.Request) (any, error) {
	month, err := s.lastMonth(r.Context())
	if err != nil {
		return nil, err
	}
	if err := s.Months.FinaliseMonth(by(r), month, api.Actor(r.Context()).Name); err != nil {
		return nil, err
	}
	return answer{shape: shapeOfFinalization, value: finalization{finalizationData{"Finalized", "Report finalized"}}}, nil
}

// The headers of the reports: the wire has no place for what they say (docs/decisions/0030).
const (
	headerReportFinal  = "X-Report-Final"
	headerReportStatus = "X-Report-Status"
)

var reportHeaders = []header{
	{headerReportFinal, "boolean", "whether every statement of what is shown is final"},
	{headerReportStatus, "string", "how many statements are in which state, by month: 2026-10 draft=1 approved=2 undrafted=1"},
	{headerComplete, "boolean", "whether every server was read in time"},
	{headerUnits, "string", "what the units are: one kind, or Mixed"},
}

// reports answers with the reports of months, made one by one, and of which more is asked about or shown than which they are.
// The headers tell of those that are shown.
func (s *Surface) reports(r *http.Request, months []usage.Month) (any, error) {
	q, err := parseQuery(r.URL.RawQuery, shapeOfReport, true)
	if err := joinInvalid(err, noInstant(q.plain)); err != nil {
		return nil, err
	}
	names, err := s.Directory.Licensees(r.Context())
	if err != nil {
		return nil, err
	}
	var last standing // of the report that was made last
	var shown []standing
	var b bytes.Buffer
	body := bufio.NewWriter(&b)
	err = q.Write(r.Context(), shapeOfReport, &query.Listed[usageReport]{
		Count: len(months), Large: true,
		At: func(i int) (usageReport, error) {
			last = standing{}
			return s.emptyReport(r.Context(), months[i], names)
		},
		Fill: func(rows []*usageReport) (err error) {
			for _, w := range rows {
				if last, err = s.fillReport(r.Context(), w); err != nil {
					return err
				}
			}
			return nil
		},
		Told: func(*usageReport) {
			if len(last.states) > 0 { // it was made
				shown = append(shown, last)
			}
		},
	}, body)
	if err == nil {
		err = body.Flush()
	}
	raw := jsonRaw(b.Bytes())
	raw.Fields = standingFields(shown)
	return raw, err
}

// emptyReport says which report it is; nothing is counted for that.
func (s *Surface) emptyReport(ctx context.Context, month usage.Month, names []string) (w usageReport, err error) {
	zone, err := s.Directory.ZoneAt(ctx, month.Last(time.UTC))
	if err != nil {
		return w, err
	}
	w.Parameters = reportParameters{
		ID: reportNumber(month), OrganizationUID: zeroUID,
		Interval: reportInterval{zonedTicks(month.Start(zone)), zonedTicks(month.End(zone).AddDate(0, 0, -1))},
	}
	if len(names) > 0 {
		w.Parameters.OrganizationName, w.Parameters.LicenseCompany = names[0], names[0]
	}
	return w, nil
}

// reportNumber numbers the reports by their months: 202610.
func reportNumber(m usage.Month) int64 { return int64(m.Year)*100 + int64(m.Month) }

// fillReport makes the report of a month from the latest statements of all companies.
func (s *Surface) fillReport(ctx context.Context, w *usageReport) (standing, error) {
	month := usage.Month{Year: int(w.Parameters.ID / 100), Month: time.Month(w.Parameters.ID % 100)}
	statements, err := s.Statements.StatementsIn(ctx, month)
	if err != nil || len(statements) == 0 {
		return standing{}, err
	}
	zone, err := time.LoadLocation(statements[0].Content.Zone)
	if err != nil {
		return standing{}, fault.Wrap(err, fault.Internal, "the zone %q of the statements of %s is not known here", statements[0].Content.Zone, month)
	}
	b := reporting{standing: standing{month: month, complete: true, states: make(map[statement.State]int)}}
	for i := range statements {
		b.add(&statements[i])
	}
	b.write(w)
	if b.undrafted, err = s.Months.Undrafted(ctx, month, zone, statements); err != nil {
		return standing{}, err
	}
	w.Parameters.GenerationDate = zonedTicks(b.changed.In(zone))
	return b.standing, b.err
}

// standing is what of a report has no place in it.
type standing struct {
	month     usage.Month
	states    map[statement.State]int
	undrafted int  // companies without a statement
	complete  bool // no server is unknown or stale
	kinds     []usage.UnitKind
}

func (s *standing) final() bool {
	return len(s.states) == 1 && s.states[statement.Final] > 0 && s.undrafted == 0
}

func (s *standing) String() string {
	text := s.month.String()
	for _, state := range []statement.State{statement.Draft, statement.Approved, statement.Final} {
		if n := s.states[state]; n > 0 {
			text += " " + string(state) + "=" + strconv.Itoa(n)
		}
	}
	if s.undrafted > 0 {
		text += " undrafted=" + strconv.Itoa(s.undrafted)
	}
	return text
}

// standingMax is how many months X-Report-Status names before it ends with "…".
const standingMax = 12

// standingFields are the headers of reports, the newest named first; none where none is shown.
func standingFields(all []standing) []api.Field {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b standing) int { return strings.Compare(b.month.String(), a.month.String()) })
	final, complete := true, true
	var texts []string
	var kinds []usage.UnitKind
	for i := range all {
		final, complete = final && all[i].final(), complete && all[i].complete
		kinds = append(kinds, all[i].kinds...)
		if i < standingMax {
			texts = append(texts, all[i].String())
		}
	}
	if len(all) > standingMax {
		texts = append(texts, fmt.Sprintf("and %d more", len(all)-standingMax))
	}
	fields := []api.Field{
		{Name: headerReportFinal, Values: []string{strconv.FormatBool(final)}},
		{Name: headerReportStatus, Values: []string{strings.Join(texts, "; ")}},
		{Name: headerComplete, Values: []string{strconv.FormatBool(complete)}},
	}
	if kind := oneKind(kinds); kind != "" {
		fields = append(fields, api.Field{Name: headerUnits, Values: []string{kind}})
	}
	return fields
}

// oneKind names the kind of some units: one, "Mixed", or nothing where there are none.
func oneKind(kinds []usage.UnitKind) string {
	if len(kinds) == 0 {
		return ""
	}
	for _, k := range kinds {
		if k != kinds[0] {
			return "Mixed"
		}
	}
	return string(kinds[0])
}
