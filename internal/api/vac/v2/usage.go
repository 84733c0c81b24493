package v2

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// renderedUsage is the answer for *now* in its bytes, with its headers for as long as so much of the month is covered: that
// moves with time alone. It is right while the ledger gives the same tally, and then the company is still there, too.
// It is small, and companies that stand alike share their headers: of thousands of companies none is in the processor's
// cache, and each piece of memory that is one's own would have to be waited for.
type renderedUsage struct {
	tally       *metering.Tally
	counted     time.Time // the tally's instant
	from, until int64     // seconds since 1970 for which the headers are right
	shared      []api.Field
	asOf        [1]string // empty: there is no reading
	body        []byte
}

// newRendered gives an answer about a tally, without its headers yet.
func newRendered(t *metering.Tally, body []byte) *renderedUsage {
	e := &renderedUsage{tally: t, counted: t.At, body: body}
	if t.AsOf != nil {
		e.asOf[0] = instantText(*t.AsOf)
	}
	return e
}

// covering gives the same answer with the headers of an instant.
func (s *Surface) covering(e *renderedUsage, at time.Time) *renderedUsage {
	fresh := *e
	fresh.from = at.Unix()
	fresh.until = fresh.from + e.tally.CoverageHolds(at)
	fresh.shared = s.headers.of(usageWordsOf(e.tally, at))
	return &fresh
}

// raw gives what is sent at an instant.
func (e *renderedUsage) raw(at time.Time) api.Raw {
	raw := api.Raw{ContentType: contentType, Body: e.body, Fields: e.shared}
	raw.Own[0] = api.Field{Name: headerAt, Values: []string{instantText(at)}}
	if e.asOf[0] != "" {
		raw.Own[1] = api.Field{Name: headerAsOf, Values: e.asOf[:]}
	}
	return raw
}

// usageOf is the endpoint of a usage resource (rest-v2.md §3.2).
func (s *Surface) usageOf(product usage.Product) api.Endpoint {
	return func(r *http.Request) (any, error) {
		if r.URL.RawQuery == "" {
			return s.usageNow(r, product)
		}
		q, err := parseQuery(r.URL.RawQuery, usageShape(s.Profile), true)
		at, errAt := asOf(q.plain)
		if err := joinInvalid(err, errAt); err != nil {
			return nil, err
		}
		company, err := s.company(r)
		if err != nil {
			return nil, err
		}
		asked := s.Now()
		tally, err := s.Ledger.Usage(r.Context(), ledger.Query{Company: company.ID, Product: product, At: at})
		if err != nil {
			return nil, err
		}
		if at.IsZero() {
			at = instant(tally.At, asked)
		}
		shape, rows := wireRows(tally, s.Profile)
		body, err := q.Answer(r.Context(), shape, rows)
		if err != nil {
			return nil, err
		}
		e := newRendered(tally, body)
		e.shared = usageWordsOf(tally, at).fields() // hardly anybody else asks for the same instant
		return e.raw(at), nil
	}
}

// byTenantUID is the same, addressed by GUID only: profile 6.0 has it.
func (s *Surface) byTenantUID(product usage.Product) api.Endpoint {
	endpoint := s.usageOf(product)
	return func(r *http.Request) (any, error) {
		if _, number := companyNumber(api.PathID(r, "ID")); number {
			return nil, fault.New(fault.NotFound, "byVCCTenantUid is addressed by the tenant's GUID.")
		}
		return endpoint(r)
	}
}

// usageNow answers from the rendered bytes where the tally is still the same one.
func (s *Surface) usageNow(r *http.Request, product usage.Product) (any, error) {
	asked := s.Now()
	id, known := s.knownCompany(api.PathID(r, "ID"))
	var entry *renderedUsage
	if known {
		entry = s.renderedOf(id, product)
	}
	if entry == nil { // nobody asked for it yet: is there such a company?
		company, err := s.company(r)
		if err != nil {
			return nil, err
		}
		id = company.ID
	}
	tally, err := s.Ledger.Usage(r.Context(), ledger.Query{Company: id, Product: product})
	if err != nil {
		return nil, err
	}
	if entry == nil || entry.tally != tally {
		// The company is asked for after the counting: one that was removed before it must not be answered for by the
		// tally's pointer.
		if _, err := s.company(r); err != nil {
			return nil, err
		}
		entry = newRendered(tally, slices.Clone(AppendUsageRows(nil, tally, s.Profile)))
	}
	at := instant(entry.counted, asked)
	if second := at.Unix(); second < entry.from || second >= entry.until {
		entry = s.covering(entry, at)
		s.rendered.Make(id)[product.Index()].Store(entry)
	}
	return entry.raw(at), nil
}

// instant gives the T of an answer for now: when it was asked, or later when it was counted after that. Both have
// the same answer, also at a month's edge.
func instant(counted, asked time.Time) time.Time {
	if counted.After(asked) {
		return counted
	}
	return asked
}

// renderedOf gives what was rendered last; nil: nothing.
func (s *Surface) renderedOf(id usage.CompanyID, product usage.Product) *renderedUsage {
	if places := s.rendered.Get(id); places != nil {
		return places[product.Index()].Load()
	}
	return nil
}

// The headers of the usage resources (product.md §2).
const (
	headerAt       = "X-Usage-At"
	headerAsOf     = "X-Usage-As-Of"
	headerComplete = "X-Usage-Complete"
	headerMissing  = "X-Usage-Missing"
	headerUnits    = "X-Usage-Units"
	headerCoverage = "X-Usage-Coverage"
)

// usageHeaders are said of each answer of a usage resource.
var usageHeaders = []header{
	{headerAt, "string", "the instant that the figures are of"},
	{headerAsOf, "string", "the oldest reading that they rest on; left out where there is none"},
	{headerComplete, "boolean", "whether every server was read in time"},
	{headerMissing, "string", "the names of those that were not, percent-encoded and separated by commas"},
	{headerUnits, "string", "what the units are: one kind, or Mixed"},
	{headerCoverage, "string", "how much of the month was read: 98.66; read=2; stale=0; unknown=0"},
}

// instantText writes an instant in UTC with as many places as it needs, six at most.
func instantText(t time.Time) string { return usage.Truncate(t).Format(time.RFC3339Nano) }

// usageWords are the headers that many answers share.
type usageWords struct{ complete, missing, units, coverage string }

func usageWordsOf(t *metering.Tally, at time.Time) usageWords {
	return usageWords{strconv.FormatBool(t.Complete), missing(t), unitKinds(t), coverageText(t, at)}
}

// fields leaves out what has nothing to say.
func (w usageWords) fields() []api.Field {
	fields := []api.Field{
		{Name: headerComplete, Values: []string{w.complete}},
		{Name: headerMissing, Values: []string{w.missing}},
		{Name: headerUnits, Values: []string{w.units}},
		{Name: headerCoverage, Values: []string{w.coverage}},
	}
	return slices.DeleteFunc(fields, func(f api.Field) bool { return f.Values[0] == "" })
}

// sharedHeaders keeps one copy of headers that read alike.
type sharedHeaders struct {
	mu   sync.Mutex
	kept map[usageWords][]api.Field
}

// sharedHeadersMax bounds the copies that are kept for others to share; how much is covered changes with time.
const sharedHeadersMax = 1024

func (s *sharedHeaders) of(w usageWords) []api.Field {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fields, ok := s.kept[w]; ok {
		return fields
	}
	if s.kept == nil || len(s.kept) >= sharedHeadersMax {
		s.kept = make(map[usageWords][]api.Field)
	}
	fields := w.fields()
	s.kept[w] = fields
	return fields
}

// coverageText says how the month so far was read: the percentage of it of the server that was read least, how many servers
// are read, stale and unknown, and the readings that did not come about, by reason (C32). Nothing where there is no server.
// One header, not three: see api.Raw.
func coverageText(t *metering.Tally, at time.Time) string {
	percent, ok := t.Coverage(at)
	if !ok {
		return ""
	}
	read, stale, unknown := t.Standing()
	b := fmt.Appendf(nil, "%s; read=%d; stale=%d; unknown=%d", percent, read, stale, unknown)
	for _, g := range t.Gaps() {
		b = fmt.Appendf(b, "; %s=%d", g.Reason, g.Count)
	}
	return string(b)
}

// missingMax is how many names X-Usage-Missing holds before it ends with "…".
const missingMax = 10

// missing names the unknown servers, then the stale ones; each percent-encoded, so that a comma only separates.
func missing(t *metering.Tally) string {
	var names []string
	for _, wanted := range []func(*metering.Source) bool{
		func(s *metering.Source) bool { return s.Unknown },
		func(s *metering.Source) bool { return s.Stale && !s.Unknown },
	} {
		for i := range t.Servers {
			if wanted(&t.Servers[i]) {
				names = append(names, url.PathEscape(t.Servers[i].Name))
			}
		}
	}
	if len(names) > missingMax {
		names = append(names[:missingMax], url.PathEscape("…"))
	}
	return strings.Join(names, ",")
}

// asOf reads the parameter of that name; what looks like it and is not is refused, so that nobody takes
// today's figure for another day's (rest-v2.md §8).
func asOf(plain map[string][]string) (time.Time, error) {
	var fields []fault.Field
	for name := range plain {
		if name != "asof" && strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(name) == "asof" {
			fields = append(fields, fault.Field{Path: name, Text: "is not a parameter: asOf is meant?"})
		}
	}
	at, err := asOfTime(plain["asof"])
	if err != nil {
		fields = append(fields, fault.Field{Path: "asOf", Text: fault.Text(err)})
	}
	return at, fault.InvalidFields("The query is not valid.", fields)
}

// noInstant refuses the parameter, and what looks like it, where there is no figure of another instant.
func noInstant(plain map[string][]string) error {
	at, err := asOf(plain)
	if err == nil && !at.IsZero() {
		err = fault.InvalidFields("The query is not valid.", []fault.Field{{Path: "asOf", Text: "is not for reports: they are of whole months"}})
	}
	return err
}

func asOfTime(values []string) (time.Time, error) {
	switch len(values) {
	case 0:
		return time.Time{}, nil
	case 1:
	default:
		return time.Time{}, fault.New(fault.Invalid, "is given twice")
	}
	text := strings.ToUpper(strings.TrimSpace(values[0]))
	if i := strings.LastIndexByte(text, ' '); i > 0 { // a "+" that the query string made a blank
		text = text[:i] + "+" + text[i+1:]
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1 {
		return time.Time{}, fault.New(fault.Invalid,
			"%q is not a time in the form of RFC 3339: 2026-10-31T23:59:59Z or 2026-10-31T23:59:59+01:00", values[0])
	}
	if at.IsZero() { // the zero time means "now" further down
		at = at.Add(time.Microsecond)
	}
	return usage.Truncate(at), nil
}

// joinInvalid makes one error of two lists of wrong fields.
func joinInvalid(errs ...error) error {
	var fields []fault.Field
	message := ""
	for _, err := range errs {
		if f, ok := err.(*fault.Error); ok { //nolint:errorlint // made by parseQuery and asOf, never wrapped
			message = f.Message
			fields = append(fields, f.Fields...)
		}
	}
	return fault.InvalidFields(message, fields)
}
