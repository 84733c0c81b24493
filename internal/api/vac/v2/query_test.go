package v2

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQueryOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, want string }{
		{"$select=id", `[{"id":1},{"id":2},{"id":3}]`},
		{"$SELECT=ID&%24TOP=1", `[{"id":1}]`},
		{"$select=id,lastActivation/status&$skip=1&$top=1", `[{"id":2,"lastActivation":{"status":"Resolved"}}]`},
		{"$select=lastActivation/status,lastActivation,id&$top=1", `[{"id":1,"lastActivation":{"time":"2026-10-14T02:30:00.0000000Z","status":"Error","message":"","remark":""}}]`},
		{"$select=id&$orderby=companyId desc,id desc", `[{"id":3},{"id":2},{"id":1}]`},
		{"$select=id&$orderby=tolower(computerName)", `[{"id":3},{"id":1},{"id":2}]`},
		{"$select=id&$orderby=lastActivation/time desc, id asc", `[{"id":2},{"id":1},{"id":3}]`},
		{"$select=id&$filter=id gt 1&$orderby=id desc&$skip=1&$top=5", `[{"id":2}]`},
		{"$select=id&$top=0", `[]`},
		{"$select=id&$skip=9", `[]`},
		{"$select=id&$count=true&$top=0", `{"odata.count":"3","value":[]}`},
		{"$select=id&$inlinecount=allpages&$filter=id gt 1&$top=1", `{"odata.count":"2","value":[{"id":2}]}`},
		{"$select=id&$count=true&$filter=id gt 9", `{"odata.count":"0","value":[]}`},
		{"$select=id&$count=false&$skip=2", `[{"id":3}]`},
		{"$select=id,_links/rel&$top=1", `[{"id":1,"_links":[{"rel":"self"},{"rel":"edit"}]}]`},
		{"$select=_links/rel,_links&$top=1", `[{"_links":[{"rel":"self","method":"GET","href":"a"},{"rel":"edit","method":"PUT","href":"b"}]}]`},
		{"$select=id,_links/rel&$top=1&setLinks=false", `[{"id":1}]`},
		{"$select=id&$inlinecount=none&$top=1", `[{"id":1}]`},
		{"$select=id&$format=application/json;odata=nometadata&$top=1", `[{"id":1}]`},
		{"&&foo=1&$select=id&$top=1&", `[{"id":1}]`},
	} {
		q, err := parseQuery(c.raw, shapeOfEvent, true)
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		events := sampleEvents()
		events[0].Links = []relation{{"self", "GET", "a"}, {"edit", "PUT", "b"}}
		if got, err := q.Answer(t.Context(), shapeOfEvent, reflect.ValueOf(events)); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, want %s", c.raw, got, c.want)
		}
	}
}

// Null is lower than every value: first where the order ascends, last where it descends.
func TestNullIsOrderedFirst(t *testing.T) {
	t.Parallel()
	low, high, a, b := -5, 3, "a", "b"
	rows := []sample{{Number: 1, Maybe: &high, Note: &b}, {Number: 2, Note: &b}, {Number: 3, Maybe: &low}, {Number: 4, Note: &a}}
	for order, want := range map[string]string{
		"maybe": "2431", "maybe desc": "1324", "maybe asc,note": "4231", "note desc,maybe desc": "1243", "note,number desc": "3421",
		"maybe add 1 desc, number desc": "1342", "length(note) desc,maybe": "2413",
	} {
		q, err := parseQuery("$select=number&$orderby="+url.QueryEscape(order), shapeOfSample, true)
		if err != nil {
			t.Fatal(err)
		}
		body, err := q.Answer(t.Context(), shapeOfSample, reflect.ValueOf(rows))
		got := strings.NewReplacer(`{"number":`, "", "}", "", ",", "", "[", "", "]", "").Replace(string(body))
		if err != nil || got != want {
			t.Errorf("%s: %s, want %s (%v)", order, got, want, err)
		}
	}
}

func TestQueryErrorsAreAllReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{"$top=x&$skip=-1&$foo=1", []string{"$top: ", "$skip: ", "$foo: is not an option; known are $filter, $orderby"}},
		{"$filter=id eq&$orderby=id up", []string{"$filter: position 6", "$orderby: position 4: expected asc, desc, a comma or the end"}},
		{"$select=id,nope", []string{`$select: position 4: there is no property "nope"`}},
		{"$select=id/x", []string{"$select: position 1: id has no members"}},
		{"$select=", []string{`$select: position 1: there is no property ""`}},
		{"$top=1&$TOP=2", []string{"$top: is given twice"}},
		{"$format=xml", []string{`$format: "xml" is not offered`}},
		{"$count=maybe", []string{`$count: "maybe" is neither true nor false`}},
		{"$inlinecount=true", []string{`$inlinecount: "true" is neither allpages nor none`}},
		{"setlinks=1", []string{"setlinks: "}},
		{"$filter=%zz", []string{"$filter: \"%zz\" is not percent-encoded correctly"}},
		{"$orderby=" + strings.Repeat("id,", 16) + "id", []string{"$orderby: position 48: more than 16 keys"}},
		{"$orderby=", []string{"$orderby: position 1: expected a property"}},
	} {
		_, err := parseQuery(c.raw, shapeOfEvent, true)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", c.raw, err, want)
			}
		}
	}
}

// filter, then order, then skip, then top, whatever their order in the query; and what is written is what encoding/json would write.
func TestQueryDoesWhatASlowOneWould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		servers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) backupServer {
			return backupServer{
				ID: rapid.Int64Range(0, 9).Draw(t, "id"), Name: rapid.StringN(0, 3, -1).Draw(t, "name"), IsCloudConnect: rapid.Bool().Draw(t, "cc"),
				Links: serverLinks{BackupRepositories: []link{{Href: rapid.String().Draw(t, "href")}}, Jobs: []link{}},
			}
		}), 0, 8).Draw(t, "servers")
		least, skip, top := rapid.Int64Range(0, 9).Draw(t, "least"), rapid.IntRange(0, 9).Draw(t, "skip"), rapid.IntRange(0, 9).Draw(t, "top")
		options := rapid.Permutation([]string{
			"$filter=" + url.QueryEscape(fmt.Sprintf("id ge %d", least)), "$orderby=" + url.QueryEscape("isCloudConnect desc, id"),
			fmt.Sprint("$skip=", skip), fmt.Sprint("$top=", top),
		}).Draw(t, "options")
		q, err := parseQuery(strings.Join(options, "&"), shapeOfServer, true)
		if err != nil {
			t.Fatal(err)
		}
		var got []backupServer
		body, err := q.Answer(context.Background(), shapeOfServer, reflect.ValueOf(servers))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		want := slices.DeleteFunc(slices.Clone(servers), func(s backupServer) bool { return s.ID < least })
		slices.SortStableFunc(want, func(a, b backupServer) int {
			return cmp.Or(-cmp.Compare(fmt.Sprint(a.IsCloudConnect), fmt.Sprint(b.IsCloudConnect)), cmp.Compare(a.ID, b.ID))
		})
		want = want[min(skip, len(want)):]
		want = want[:min(top, len(want))]
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: got %+v, want %+v", options, got, want)
		}
	})
}
