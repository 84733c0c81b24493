package v2

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

func sampleEvents() []alarmEvent {
	at := time.Date(2026, 10, 14, 2, 30, 0, 0, time.UTC)
	return []alarmEvent{
		{ID: 1, AlarmTemplate: 15, RepeatCount: 1, CompanyID: 7, ComputerName: "VBR01", ObjectName: "it's", LastActivation: activation{Time: ticks(at), Status: "Error"}},
		{ID: 2, AlarmTemplate: 15, RepeatCount: 3, CompanyID: 7, ComputerName: "vbr02", LastActivation: activation{Time: ticks(at.AddDate(0, 1, 0)), Status: "Resolved"}},
		{ID: 3, AlarmTemplate: 42, RepeatCount: 2, CompanyID: 9, ComputerName: "Größe", LastActivation: activation{Time: ticks(at), Status: "Warning"}},
	}
}

func matching[T any](t *testing.T, s *query.Shape, list []T, filter string, id func(*T) int64) string {
	t.Helper()
	condition, err := query.ParseFilter("$filter", filter, s)
	if err != nil {
		return err.Error()
	}
	var ids []string
	for i := range list {
		if condition.Holds(t.Context(), reflect.ValueOf(list[i])) {
			ids = append(ids, fmt.Sprint(id(&list[i])))
		}
	}
	return strings.Join(ids, " ")
}

func TestFilterKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ filter, want string }{
		{"lastActivation/status ne 'Resolved'", "1 3"},
		{"LASTACTIVATION/Status NE 'Resolved'", "1 3"},
		{"id eq 1 or id eq 2 and repeatCount gt 5", "1"},
		{"(id eq 1 or id eq 2) and repeatCount gt 1", "2"},
		{"not (id eq 1)", "2 3"},
		{"not id eq 1 and not id eq 2", "3"},
		{"not not (id eq 1)", "1"},
		{"id ge 2 and id le 2", "2"},
		{"id lt 2", "1"},
		{"id in (1, 3)", "1 3"},
		{"objectName eq 'it''s'", "1"},
		{"substringof('BR0', computerName)", "1"},
		{"contains(tolower(computerName),'vbr') eq true", "1 2"},
		{"startswith(computerName,'v') or endswith(computerName,'1')", "1 2"},
		{"length(computerName) eq 5 and indexof(computerName,'öß') eq 2", "3"},
		{"substring(computerName,2,2) eq 'öß'", "3"},
		{"substring(computerName,3) eq '02'", "2"},
		{"concat(computerName,'x') eq 'VBR01x'", "1"},
		{"replace(computerName,'VBR','S') eq 'S01'", "1"},
		{"toupper(trim(' vbr02 ')) eq toupper(computerName)", "2"},
		{"lastActivation/time gt datetime'2026-11-01T00:00:00'", "2"},
		{"lastActivation/time eq 2026-10-14T04:30:00+02:00", "1 3"},
		{"lastActivation/time eq 2026-10-14T04:30:00 02:00", "1 3"}, // the query string made + a blank
		{"lastActivation/time le datetimeoffset'2026-10-14T04:30:00 02:00'", "1 3"},
		{"lastActivation/time lt '2026-11-01'", "1 3"},
		{"year(lastActivation/time) eq 2026 and month(lastActivation/time) eq 11 and day(lastActivation/time) eq 14", "2"},
		{"hour(lastActivation/time) eq 2 and minute(lastActivation/time) eq 30 and second(lastActivation/time) eq 0", "1 2 3"},
		{"date(lastActivation/time) eq 2026-10-14 and fractionalseconds(lastActivation/time) eq 0", "1 3"},
		{"id add 1 mul 2 eq 3", "1"},
		{"repeatCount mod 2 eq 1 and id div 2 lt 1", "1"},
		{"id div 2 eq 1", "2 3"}, // of whole numbers it is whole
		{"(id add 2) div 2 eq 2 and -id div 2 eq -1", "2 3"},
		{"id divby 2 eq 1.5", "3"},
		{"id div 2.0 eq 1.5 and length(computerName) div 2 eq 2 and 3L div 2 eq 1", "3"},
		{"id mod 2 eq 1 eq true", "1 3"},
		{"id lt 3 eq (repeatCount ge 3)", "2 3"}, // gt, ge, lt and le bind tighter than eq and ne
		{"id in (1,2) eq false ne true", "1 2"},
		{"-id eq -2", "2"},
		{"id sub -1 eq 2", "1"},
		{"id div 0 eq 1", ""},
		{"id gt null", ""},
		{"null eq null", "1 2 3"},
		{"computerName ne null", "1 2 3"},
		{"floor(1.7) eq 1 and ceiling(1.2) eq 2.0e0 and round(2.5) eq 3L", "1 2 3"},
		{"true", "1 2 3"},
		{"length(null) gt 0 or id eq 1", "1"},
		{"not (length(null) gt 0 and true)", "1 2 3"}, // a comparison with null is false, not null
	} {
		got := matching(t, shapeOfEvent, sampleEvents(), c.filter, func(e *alarmEvent) int64 { return e.ID })
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.filter, got, c.want)
		}
	}
}

// any and all ask about the elements of a list, which may be objects or plain values; the record is in reach, too.
func TestFilterAsksAboutElements(t *testing.T) {
	t.Parallel()
	events := sampleEvents()
	events[0].Links = []relation{{Rel: "self", Method: "GET", Href: "a/1"}, {Rel: "edit", Method: "PUT", Href: "a/1"}}
	events[1].Links = []relation{{Rel: "self", Method: "GET", Href: "a/2"}}
	for _, c := range []struct{ filter, want string }{
		{"_links/any()", "1 2"},
		{"not _links/any()", "3"},
		{"_links/any(l: l/rel eq 'edit')", "1"},
		{"_LINKS/ANY(L: l/REL eq 'self' and L/method eq 'GET')", "1 2"},
		{"_links/all(l: l/method eq 'GET')", "2 3"}, // of no element all holds
		{"_links/any(l: endswith(l/href, '2') and id eq 2)", "2"},
		{"_links/any(l: _links/any(m: m/rel ne l/rel))", "1"},
		{"_links/any(l: null eq l/rel or length(null) gt 1)", ""},
		{"_links/any(id: id/rel eq 'edit')", "1"}, // the variable hides the property
		{"_links/any(l: l/rel in ('edit','delete')) or id eq 3", "1 3"},
	} {
		if got := matching(t, shapeOfEvent, events, c.filter, func(e *alarmEvent) int64 { return e.ID }); got != c.want {
			t.Errorf("%s: %q, want %q", c.filter, got, c.want)
		}
	}
	tenants := []tenant{{ID: 1, Actions: []string{"enable"}}, {ID: 2, Actions: []string{"disable", "delete"}}, {ID: 3}}
	for _, c := range []struct{ filter, want string }{
		{"actions/any(a: a eq 'delete')", "2"}, {"actions/all(a: startswith(a, 'd'))", "2 3"}, {"actions/any(a: length(a) eq id add 5)", "1 2"}, {"actions/any(a: length(a) eq id add 4)", "2"},
	} {
		if got := matching(t, shapeOfTenant, tenants, c.filter, func(v *tenant) int64 { return v.ID }); got != c.want {
			t.Errorf("%s: %q, want %q", c.filter, got, c.want)
		}
	}
}

// A query ends with its request, however much it would still have to do: within a record, too.
func TestWorkEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	many := make([]relation, 2000)
	events := []alarmEvent{{ID: 1, Links: many}}
	rows := make([]alarmEvent, 10_000)
	for _, c := range []struct {
		raw  string
		list []alarmEvent
	}{
		{"$filter=_links/any(a:_links/any(b:_links/any(c:a/rel%20ne%20c/rel)))", events}, // 8,000,000,000 steps
		{"$filter=id%20ne%201", rows}, {"$orderby=computerName", rows},
	} {
		q, err := parseQuery(c.raw, shapeOfEvent, true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		<-ctx.Done()
		if _, err := q.Answer(ctx, shapeOfEvent, reflect.ValueOf(c.list)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", c.raw, err)
		}
		cancel()
	}
	long := "$filter=" + strings.Repeat("(", 8193)
	if _, err := parseQuery(long, shapeOfEvent, true); err == nil || !strings.Contains(err.Error(), "$filter: is longer than 8192 bytes") {
		t.Errorf("%.80s", fmt.Sprint(err))
	}
}

func TestFilterComparesWireForms(t *testing.T) {
	t.Parallel()
	servers := []backupServer{
		{ID: 1, ServerUID: "C0DE0000-0000-4000-8000-00000000000a", IsCloudConnect: true},
		{ID: 2, ServerUID: "0c0d0000-0000-4000-8000-00000000000b"},
	}
	for _, c := range []struct{ filter, want string }{
		{"isCloudConnect eq true", "1"},
		{"isCloudConnect", "1"},
		{"isCloudConnect eq 'False'", "2"},
		{"serverUid eq guid'c0de0000-0000-4000-8000-00000000000A'", "1"},
		{"serverUid eq c0de0000-0000-4000-8000-00000000000A", "1"},
		{"serverUid eq 'c0de0000-0000-4000-8000-00000000000a'", "1"},
		{"serverUid ne 0c0d0000-0000-4000-8000-00000000000b", "1"},
	} {
		if got := matching(t, shapeOfServer, servers, c.filter, func(s *backupServer) int64 { return s.ID }); got != c.want {
			t.Errorf("%s: %q, want %q", c.filter, got, c.want)
		}
	}
	licenses := []serverLicense{{UsedVMs: 1, Edition: stated(edition("Enterprise Plus"))}, {UsedVMs: 2, Edition: stated(edition("Enterprise"))}}
	for _, filter := range []string{"edition eq 'Enterprise Plus'", "edition eq 'EnterprisePlus'", "edition ne 'Enterprise'"} {
		if got := matching(t, shapeOfLicense, licenses, filter, func(l *serverLicense) int64 { return l.UsedVMs }); got != "1" {
			t.Errorf("%s: %q", filter, got)
		}
	}
}

// A syntax error says where and what was expected (rest-v2.md §8).
func TestFilterErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ filter, want string }{
		{"", "position 1: expected a property, a literal, a function or (, found the end"},
		{"id eq", "position 6: expected a property, a literal, a function or (, found the end"},
		{"id foo 3", "position 4: expected an operator"},
		{"id eq 3)", `position 8: expected and, or, or the end, found ")"`},
		{"(id eq 3", "position 9: expected and, or, or ), found the end"},
		{"id eq 'x", "position 7: the text that begins here does not end"},
		{"computerName eq 'ö' und id eq 1", `position 21: expected and, or, or the end, found "und"`},
		{"status eq 'x'", `position 1: there is no property "status"; known here: id, alarmTemplateId`},
		{"lastActivation/state eq 'x'", `position 16: there is no property "state"; known here: time, status, message, remark`},
		{"id/x eq 1", "position 4: there is no property \"x\"; it has no properties"},
		{"lastActivation eq 'x'", "position 1: lastActivation is an object"},
		{"_links eq 'x'", "position 1: _links is a list: _links/any(x: …) and _links/all(x: …) ask about its elements"},
		{"_links/all()", `position 12: expected a name for the element, such as x: x eq 'a', found ")"`},
		{"_links/any(x)", `position 13: expected a colon after the name of the element, found ")"`},
		{"_links/any(a/b: true)", "position 12: expected a name for the element"},
		{"_links/any(x: x/rel)", "position 15: a condition is expected, such as x eq 'a'; this is a text"},
		{"_links/any(x: x eq 'a')", "position 15: x is an object"},
		{"_links/any(x: x/foo eq 'a')", `position 17: there is no property "foo"; known here: rel, method, href`},
		{"_links/any(x: true", "position 19: expected and, or, or ), found the end"},
		{"_links/any(x: _links/any(x: true))", `position 26: "x" stands for the element`},
		{"_links/any(a:_links/any(b:_links/any(c:_links/any(d:true))))", "position 40: any and all stand in each other more than 3 deep"},
		{"_links/any(x: true) and x/rel eq 'a'", `position 25: there is no property "x"`},
		{"id/any(x: true)", "position 1: id is no list: it is a number"},
		{"nope/any(x: true)", `position 1: there is no property "nope"`},
		{"id eq 'x'", "position 4: a number cannot be compared with a text"},
		{"id", "position 1: a condition is expected"},
		{"id and true", "position 1: a condition is expected on both sides"},
		{"not 'x'", "position 5: not needs a condition"},
		{"id eq guid'x'", "position 7: \"x\" is not a valid guid"},
		{"lastActivation/time eq datetime'2026-13-01'", "position 24: \"2026-13-01\" is not a valid datetime"},
		{"id eq blob'x'", "position 7: blob'…' is no kind of literal"},
		{"frobnicate(id)", "position 1: there is no function \"frobnicate\"; known are substringof"},
		{"contains(computerName)", "expected a comma: contains takes more arguments"},
		{"length(id) eq 1", "position 8: argument 1 of length must be a text; this is a number"},
		{"id add 'x' eq 1", "position 8: add needs numbers"},
		{"id eq §", "position 7: '§' is not expected here"},
		{"id in 3", "position 7: expected ( after in"},
		{"id in (3", "position 9: expected a comma or )"},
		{strings.Repeat("(", 200) + "id eq 1" + strings.Repeat(")", 200), "nested more than 64 deep"},
		{strings.Repeat("not ", 200) + "true", "nested more than 64 deep"},
		{strings.Repeat("-", 200) + "1 eq 1", "nested more than 64 deep"},
	} {
		_, err := query.ParseFilter("$filter", c.filter, shapeOfEvent)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "$filter: position ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.filter, err, c.want)
		}
	}
}

// Whatever text comes, there is an answer or a 400 that points into the text; never a panic.
func FuzzFilter(f *testing.F) {
	f.Add("lastActivation/status ne 'Resolved'")
	f.Add("not (id in (1,2) and substringof('a',computerName)) or -id mul 2 eq 3.5e1")
	f.Add("lastActivation/time gt datetime'2026-10-01T00:00:00 02:00'")
	f.Add("_links/any(l: l/rel eq 'x' and _links/all(m: m/href ne l/href)) or _links/any()")
	f.Add("guid'00000000-0000-0000-0000-000000000000' eq null")
	f.Add("replace(concat(computerName,'x'),'x','yy') eq 'é''")
	events := sampleEvents()
	f.Fuzz(func(t *testing.T, text string) {
		condition, err := query.ParseFilter("$filter", text, shapeOfEvent)
		var e *fault.Error
		switch {
		case err == nil:
			for i := range events {
				condition.Holds(t.Context(), reflect.ValueOf(events[i]))
			}
		case !errors.As(err, &e) || e.Code != fault.Invalid || len(e.Fields) != 1:
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("$filter=lastActivation%2Fstatus%20ne%20'Resolved'&$top=1&setLinks=false")
	f.Add("%24orderby=id desc,computerName&$select=id,lastActivation/time&$inlinecount=allpages")
	f.Add("a=%zz&$skip=-1&$unknown;x")
	list := reflect.ValueOf(sampleEvents())
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw, shapeOfEvent, true)
		if err == nil {
			_, _ = q.Answer(t.Context(), shapeOfEvent, list)
		} else if !fault.Is(err, fault.Invalid) {
			t.Fatalf("%q: %v", raw, err)
		}
	})
}

// condition is a random condition over (id, repeatCount, isNamed) with its own meaning, computed without the parser.
type condition struct {
	text string
	eval func(e *alarmEvent) bool
}

func conditions() *rapid.Generator[condition] {
	leaf := rapid.Custom(func(t *rapid.T) condition {
		property := rapid.SampledFrom([]string{"id", "repeatCount", "companyId"}).Draw(t, "property")
		op := rapid.SampledFrom([]string{"eq", "ne", "gt", "ge", "lt", "le"}).Draw(t, "op")
		n := rapid.Int64Range(0, 4).Draw(t, "n")
		read := map[string]func(e *alarmEvent) int64{
			"id": func(e *alarmEvent) int64 { return e.ID }, "repeatCount": func(e *alarmEvent) int64 { return e.RepeatCount },
			"companyId": func(e *alarmEvent) int64 { return e.CompanyID },
		}[property]
		holds := map[string]func(a, b int64) bool{
			"eq": func(a, b int64) bool { return a == b }, "ne": func(a, b int64) bool { return a != b },
			"gt": func(a, b int64) bool { return a > b }, "ge": func(a, b int64) bool { return a >= b },
			"lt": func(a, b int64) bool { return a < b }, "le": func(a, b int64) bool { return a <= b },
		}[op]
		return condition{fmt.Sprintf("%s %s %d", property, op, n), func(e *alarmEvent) bool { return holds(read(e), n) }}
	})
	var tree func(depth int) *rapid.Generator[condition]
	tree = func(depth int) *rapid.Generator[condition] {
		if depth == 0 {
			return leaf
		}
		return rapid.Custom(func(t *rapid.T) condition {
			a, b := tree(depth-1).Draw(t, "a"), tree(depth-1).Draw(t, "b")
			switch rapid.IntRange(0, 3).Draw(t, "join") {
			case 0:
				return condition{"(" + a.text + ") and (" + b.text + ")", func(e *alarmEvent) bool { return a.eval(e) && b.eval(e) }}
			case 1:
				return condition{"(" + a.text + ") or (" + b.text + ")", func(e *alarmEvent) bool { return a.eval(e) || b.eval(e) }}
			case 2:
				return condition{"not (" + a.text + ")", func(e *alarmEvent) bool { return !a.eval(e) }}
			default:
				return a
			}
		})
	}
	return tree(4)
}

func TestFilterMeansWhatItsPartsMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := conditions().Draw(t, "condition")
		condition, err := query.ParseFilter("$filter", c.text, shapeOfEvent)
		if err != nil {
			t.Fatal(err)
		}
		e := alarmEvent{
			ID: rapid.Int64Range(0, 4).Draw(t, "id"), RepeatCount: rapid.Int64Range(0, 4).Draw(t, "repeats"),
			CompanyID: rapid.Int64Range(0, 4).Draw(t, "company"),
		}
		if got := condition.Holds(context.Background(), reflect.ValueOf(e)); got != c.eval(&e) {
			t.Fatalf("%s on %+v: %v", c.text, e, got)
		}
	})
}

// "and" binds tighter than "or", however many there are.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		var text strings.Builder
		groups, current := []bool{}, true
		for i := range n {
			truth := rapid.Bool().Draw(t, "truth")
			if i > 0 {
				if rapid.Bool().Draw(t, "or") {
					text.WriteString(" or ")
					groups, current = append(groups, current), true
				} else {
					text.WriteString(" and ")
				}
			}
			current = current && truth
			fmt.Fprint(&text, truth)
		}
		want := false
		for _, g := range append(groups, current) {
			want = want || g
		}
		condition, err := query.ParseFilter("$filter", text.String(), shapeOfEvent)
		if err != nil || condition.Holds(context.Background(), reflect.ValueOf(alarmEvent{})) != want {
			t.Fatalf("%s: want %v (%v)", text.String(), want, err)
		}
	})
}

// Any text survives being quoted, percent-encoded and compared.
func TestQuotedTextsSurvive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		raw := "$filter=" + url.QueryEscape("computerName eq '"+strings.ReplaceAll(text, "'", "''")+"'")
		q, err := parseQuery(raw, shapeOfEvent, true)
		if err != nil {
			t.Fatal(err)
		}
		if !q.Filter.Holds(context.Background(), reflect.ValueOf(alarmEvent{ComputerName: text})) || q.Filter.Holds(context.Background(), reflect.ValueOf(alarmEvent{ComputerName: text + "x"})) {
			t.Fatalf("%q is not found as itself", text)
		}
	})
}
