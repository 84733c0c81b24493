package v1_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// BenchmarkListStatements asks for the first page of all statements of 200 companies in 10 years, and for the last one.
func BenchmarkListStatements(b *testing.B) {
	w := emptyWorld(b)
	w.populate()
	const companies, months = 200, 120
	var ids []usage.CompanyID
	for i := range companies {
		ids = append(ids, must[fleet.Company](b)(w.fleet.AddCompany(b.Context(), fleet.NewCompany{Name: fmt.Sprint("Company ", i)})).ID)
	}
	month := usage.Month{Year: 2017, Month: time.January}
	for range months {
		var all []statement.Statement
		for _, id := range ids {
			all = append(all, statementWith(id, month, 5))
		}
		if err := w.store.SaveStatements(b.Context(), all); err != nil {
			b.Fatal(err)
		}
		month = month.Next()
	}
	page := func(b *testing.B, path string) string {
		b.Helper()
		var p struct {
			Items []struct{ Month string }
			Next  *string
		}
		if w.read(w.get(path).body, &p); len(p.Items) == 0 {
			b.Fatal("it is empty")
		}
		if p.Next == nil {
			return ""
		}
		return *p.Next
	}
	const first = "/statements?limit=1000"
	b.Run("first page", func(b *testing.B) {
		for b.Loop() {
			page(b, first)
		}
	})
	last := ""
	for next := page(b, first); next != ""; next = page(b, first+"&cursor="+next) {
		last = next
	}
	b.Run("last page", func(b *testing.B) {
		for b.Loop() {
			page(b, first+"&cursor="+last)
		}
	})
}

// Pages are the whole list, in any order, however many months lie before one.
func TestPagesOfStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	month := usage.Month{Year: 2026, Month: time.June}
	for range 3 {
		if err := w.store.SaveStatements(t.Context(), []statement.Statement{statementWith(2, month, 1), statementWith(3, month, 1)}); err != nil {
			t.Fatal(err)
		}
		month = month.Next()
	}
	for _, order := range []string{"", "&sort=-month", "&sort=company", "&sort=-company,month"} {
		var all, one struct {
			Items []struct {
				Month   string
				Company int64
			}
			Next *string
		}
		w.read(w.get("/statements?limit=1000"+order).body, &all)
		if len(all.Items) != 6 {
			t.Fatalf("%+v", all)
		}
		next := ""
		for i, want := range all.Items {
			one.Next = nil
			w.read(w.get("/statements?limit=1"+order+next).body, &one)
			if len(one.Items) != 1 || one.Items[0] != want || (one.Next == nil) != (i == len(all.Items)-1) {
				t.Fatalf("%s, page %d: %+v, want %+v", order, i, one, want)
			}
			if one.Next != nil {
				next = "&cursor=" + *one.Next
			}
		}
	}
}

func (w *world) read(body string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		w.t.Fatalf("%v: %s", err, body)
	}
}

// statementWith is one with so many servers.
func statementWith(company usage.CompanyID, month usage.Month, servers int) statement.Statement {
	t := statement.Statement{
		Schema: statement.Schema, Company: company, CompanyUID: "uid", CompanyName: "Company", Month: month.String(), Number: 1, State: statement.Draft, Cutoff: 2,
		Content: statement.Content{Zone: "UTC", At: month.Last(time.UTC), AtUTC: month.Last(time.UTC), Catalog: "2026-11"},
	}
	for i := range servers {
		amount := statement.Amount{Count: 40, Units: 40 * usage.One}
		rows := []statement.Row{
			{RowKey: statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: usage.Instances}, Used: amount, New: amount},
			{RowKey: statement.RowKey{Product: usage.ProductVBR, Type: "VBR_Server_Agent", Unit: usage.Instances}, Used: amount},
		}
		t.Content.Servers = append(t.Content.Servers, statement.Server{ID: usage.ServerID(i + 1), Name: fmt.Sprint("VBR", i), Product: usage.ProductVBR, Rows: rows})
		t.Content.Rows = rows
	}
	return t
}
