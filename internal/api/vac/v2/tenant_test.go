package v2_test

import (
	"net/url"
	"strings"
	"testing"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// The counts of a tenant are the same whether they are asked about, only shown, or of one alone; they are filled late.
func TestTenantCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	all := w.get("/v2/tenants")
	one, two := w.get("/v2/tenants/2"), w.get("/v2/tenants/3")
	if !strings.Contains(one, `"vMsBackedUp":35,`) || !strings.Contains(two, `"vMsBackedUp":0,`) || all != "["+one+","+two+"]" {
		t.Fatalf("all %s\none %s\ntwo %s", all, one, two)
	}
	for query, want := range map[string]string{
		"$filter=vMsBackedUp gt 0":            "[" + one + "]",
		"$filter=vMsBackedUp add 1 eq 1":      "[" + two + "]",
		"$filter=name eq 'Northwind'":         "[" + one + "]",
		"$orderby=vMsBackedUp":                "[" + two + "," + one + "]",
		"$orderby=VMSBACKEDUP desc&$top=1":    "[" + one + "]",
		"$skip=1":                             "[" + two + "]",
		"$select=name,vMsBackedUp":            `[{"name":"Northwind","vMsBackedUp":35},{"name":"Contoso & Söhne","vMsBackedUp":0}]`,
		"$select=id":                          `[{"id":2},{"id":3}]`,
		"$orderby=vMsBackedUp&$select=id":     `[{"id":3},{"id":2}]`,
		"$count=true&$top=0":                  `{"odata.count":"2","value":[]}`,
		"$filter=vMsBackedUp gt 0&$select=id": `[{"id":2}]`,
	} {
		if got := w.get("/v2/tenants?" + strings.ReplaceAll(url.PathEscape(query), "+", "%2B")); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", query, got, want)
		}
	}
}
