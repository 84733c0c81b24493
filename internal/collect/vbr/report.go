package vbr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// report is what createReport came to: sections, or why there are none.
type report struct {
	sections []reportSection
	lasting  *usage.Note // there are none and will be none (C26)
	failed   string      // there are none this time, in words
}

// reportSection is the license of one installation with its counters.
type reportSection struct {
	Version        text
	Edition        text
	InstallationID text
	Package        text
	SupportID      text
	LicenseID      text
	LicenseType    text
	Counters       []counterRow
}

type counterRow struct {
	CounterType text   `json:"counterType"`
	Multiplier  number `json:"multiplier"`
	Objects     number `json:"numberOfObjects"`
	New         number `json:"numberOfNewObjects"`
	Rental      number `json:"numberOfRentalObjects"`
	Removed     number `json:"numberOfRemovedObjects"`
	UsedUnits   number `json:"consumedInstances"`
	NewUnits    number `json:"newInstances"`
	RentalUnits number `json:"rentalInstances"`
}

type reportBody struct {
	Products many[struct {
		ProductVersion text `json:"productVersion"`
		Edition        text `json:"edition"`
		InstallationID text `json:"installationId"`
		Package        text `json:"package"`
		Data           many[struct {
			Instances many[struct {
				SupportID   text             `json:"supportId"`
				LicenseID   text             `json:"licenseId"`
				LicenseType text             `json:"licenseType"`
				Counters    many[counterRow] `json:"counters"`
			}] `json:"instances"`
		}] `json:"data"`
	}] `json:"products"`
}

// many is a list; the report has no published schema, and one thing in place of a list of one is accepted.
type many[T any] []T

// UnmarshalJSON accepts a list, one value, or null.
func (m *many[T]) UnmarshalJSON(data []byte) error {
	if data[0] == '[' || data[0] == 'n' {
		return json.Unmarshal(data, (*[]T)(m))
	}
	one := new(T)
	*m = nil
	if err := json.Unmarshal(data, one); err != nil {
		return err
	}
	*m = many[T]{*one}
	return nil
}

var errNoReport = errors.New("not a license report")

// readReport reads the JSON report into its sections.
func readReport(body []byte) ([]reportSection, error) {
	var shape map[string]json.RawMessage
	if err := decodeJSON(body, &shape); err != nil {
		return nil, err
	}
	if _, ok := shape["products"]; !ok {
		return nil, errNoReport
	}
	var w reportBody
	if err := decodeJSON(body, &w); err != nil {
		return nil, err
	}
	var sections []reportSection
	for _, p := range w.Products {
		for _, d := range p.Data {
			for _, in := range d.Instances {
				sections = append(sections, reportSection{
					p.ProductVersion, p.Edition, p.InstallationID, p.Package, in.SupportID, in.LicenseID, in.LicenseType, in.Counters,
				})
			}
		}
	}
	return sections, nil
}

// report asks for the report. What it yields not decides C26: a lasting reason is
// a note, a passing one is left to the runner; only what concerns the whole
// reading is a failure.
func (s *session) report(ctx context.Context, l *license) (report, *collect.Failure) {
	a, failure := s.ask(ctx, (*client).report, nil)
	if failure != nil {
		if ctx.Err() != nil || failure.Reason == usage.GapRefused || failure.Reason == usage.GapTLS {
			return report{}, failure
		}
		return report{failed: failure.Text}, nil
	}
	if a.status != http.StatusOK {
		return s.reportRefused(&a, l)
	}
	return s.reportOf(&a, l), nil
}

func (s *session) reportRefused(a *answer, l *license) (report, *collect.Failure) {
	failure := s.client.statusFailure(a, "the license report")
	switch {
	case l.consumesNothing():
		return lasting("report-nothing-consumed", "the server makes no license report while nothing is consumed"+a.says()), nil
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed, a.status == http.StatusNotImplemented, a.notImplemented():
		return lasting("report-unsupported", "this version of the server makes no license report"), nil
	case a.status == http.StatusForbidden:
		return report{}, failure
	default:
		return report{failed: failure.Text}, nil
	}
}

func (s *session) reportOf(a *answer, l *license) report {
	sections, err := readReport(a.body)
	switch {
	case errors.Is(err, errCut):
		return report{failed: "the license report was cut off"}
	case err != nil:
		return s.noReport(a)
	case countersIn(sections) > 0:
		return report{sections: sections}
	case l.consumesNothing():
		r := lasting("report-nothing-consumed", "the license report has no counters while nothing is consumed")
		r.sections = sections
		return r
	default:
		return report{sections: sections, failed: fmt.Sprintf("the license report has no counters, though the license states %s used and %s new instances",
			orNo(l.Instances.Used), orNo(l.Instances.New))}
	}
}

// noReport decides on a body that is no report: a server that writes another format will do so again, what anything
// else is may be over at the next reading.
func (s *session) noReport(a *answer) report {
	kind := kindOfText(a.body)
	switch kind {
	case kindCSV, kindPDF:
		return lasting("report-not-json", "createReport answered "+kind+" where JSON was asked for")
	case kindHTML:
		return report{failed: fmt.Sprintf("%s answered a web page in place of the license report: is there a proxy on the way?", s.client.host())}
	default:
		return report{failed: "createReport answered " + kind + " in place of the license report"}
	}
}

func lasting(code, text string) report {
	return report{lasting: &usage.Note{Code: code, Text: clip(text, noteLengthMax)}}
}

func countersIn(sections []reportSection) (n int) {
	for i := range sections {
		n += len(sections[i].Counters)
	}
	return n
}

// What a body may be that is no report.
const (
	kindHTML = "HTML"
	kindPDF  = "PDF"
	kindCSV  = "CSV"
)

// kindOfText names the format of a text, also of one that is written as a JSON text.
func kindOfText(body []byte) string {
	var quoted string
	if json.Unmarshal(trimBOM(body), &quoted) == nil {
		body = []byte(quoted)
	}
	body = trimBOM(body)
	head := strings.TrimSpace(string(body[:min(len(body), 4096)]))
	first, _, _ := strings.Cut(head, "\n")
	switch {
	case strings.HasPrefix(head, "<"):
		return kindHTML
	case strings.HasPrefix(head, "%PDF"):
		return kindPDF
	case strings.HasPrefix(head, "{"), strings.HasPrefix(head, "["), head == "null":
		return "JSON of another kind"
	case strings.Contains(first, ","):
		return kindCSV
	default:
		return "something else"
	}
}

// consumesNothing reports whether the license states that no instance is consumed, neither a new nor a rental one;
// those two may be left out.
func (l *license) consumesNothing() bool {
	if l.Instances == nil {
		return true
	}
	in := l.Instances
	for i, n := range []number{in.Used, in.New, in.Rental} {
		if u, _, err := n.units(); err != nil || u == nil && i == 0 || u != nil && *u != 0 {
			return false
		}
	}
	return true
}

// counters translates the counters of all sections (C22).
func (t *typeTable) counters(sections []reportSection) ([]usage.Counter, error) {
	var counters []usage.Counter
	for i := range sections {
		for _, row := range sections[i].Counters {
			c, err := t.counter(&row)
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "counter %s of the license report: %s", clip(string(row.CounterType), 100), fault.Text(err))
			}
			counters = append(counters, c)
		}
	}
	return counters, nil
}

func (t *typeTable) counter(row *counterRow) (c usage.Counter, err error) {
	c.Type = t.ofCounter(string(row.CounterType))
	for _, f := range []struct {
		from number
		to   *int64
	}{{row.Objects, &c.Used}, {row.New, &c.New}, {row.Rental, &c.Rental}, {row.Removed, &c.Removed}} {
		if *f.to, err = f.from.count(); err != nil {
			return c, err
		}
	}
	for _, f := range []struct {
		from number
		to   **usage.Units
	}{
		{row.Multiplier, &c.Multiplier}, {row.UsedUnits, &c.UsedUnits}, {row.NewUnits, &c.NewUnits}, {row.RentalUnits, &c.RentalUnits},
	} {
		if *f.to, _, err = f.from.units(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// agree compares the counters with the license's totals, as far as both state them.
func (m *material) agree() bool {
	in := m.license.Instances
	if in == nil || countersIn(m.report.sections) == 0 {
		return true
	}
	for _, f := range []struct {
		total number
		of    func(*counterRow) number
	}{
		{in.Used, func(r *counterRow) number { return r.UsedUnits }},
		{in.New, func(r *counterRow) number { return r.NewUnits }},
		{in.Rental, func(r *counterRow) number { return r.RentalUnits }},
	} {
		total, _, err := f.total.units()
		if sum, stated := sumCounters(m.report.sections, f.of); err == nil && total != nil && stated && sum != *total {
			return false
		}
	}
	return true
}

// sumCounters adds up one member of all counters; stated is false when one does not state it or it is no number.
func sumCounters(sections []reportSection, of func(*counterRow) number) (sum usage.Units, stated bool) {
	for i := range sections {
		for j := range sections[i].Counters {
			u, _, err := of(&sections[i].Counters[j]).units()
			if err != nil || u == nil {
				return 0, false
			}
			next, ok := usage.Add(sum, *u)
			if !ok {
				return 0, false
			}
			sum = next
		}
	}
	return sum, true
}
