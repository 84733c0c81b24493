package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/report/reporttest"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/testkit"
)

// figures are what a month bills, by kind of units: as texts, as they stand in files.
type figures map[string]string

// add adds a number of workloads and units to what is billed in a kind of units.
func add(sums map[string][2]*big.Rat, kind, workloads, units string) {
	s, known := sums[kind]
	if !known {
		s = [2]*big.Rat{new(big.Rat), new(big.Rat)}
		sums[kind] = s
	}
	s[0].Add(s[0], rat(workloads))
	s[1].Add(s[1], rat(units))
}

// rat reads a decimal; what is empty adds nothing.
func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return r
}

func toFigures(sums map[string][2]*big.Rat) figures {
	f := make(figures)
	for kind, s := range sums {
		f[kind] = fmt.Sprintf("%s workloads, %s units", s[0].FloatString(0), s[1].FloatString(6))
	}
	return f
}

// said is what the statements themselves say.
func (o *billing) said(statements []statement.Statement) figures {
	sums := make(map[string][2]*big.Rat)
	for i := range statements {
		for _, r := range statements[i].Content.Rows {
			b := statements[i].Billed(r.RowKey)
			add(sums, string(r.Unit), fmt.Sprint(b.Count), b.Units.String())
		}
	}
	return toFigures(sums)
}

func records(t *testing.T, data []byte) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, 0, len(all))
	for _, cells := range all[1:] {
		row := make(map[string]string)
		for i, c := range cells {
			row[all[0][i]] = c
		}
		rows = append(rows, row)
	}
	return rows
}

func inCSV(t *testing.T, data []byte, kind, workloads, units string) figures {
	t.Helper()
	sums := make(map[string][2]*big.Rat)
	for _, row := range records(t, data) {
		if row[kind] != "" {
			add(sums, row[kind], row[workloads], row[units])
		}
	}
	return toFigures(sums)
}

// inJSON reads the totals of the section that has all lines.
func inJSON(t *testing.T, data []byte) figures {
	t.Helper()
	var d struct {
		Sections []struct {
			Key    string
			Totals []struct {
				Unit   string
				Values struct {
					Billed      int64
					BilledUnits string
				}
			}
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	sums := make(map[string][2]*big.Rat)
	for _, s := range d.Sections {
		if s.Key == "usage" {
			for _, total := range s.Totals {
				add(sums, total.Unit, fmt.Sprint(total.Values.Billed), total.Values.BilledUnits)
			}
		}
	}
	return toFigures(sums)
}

// inXLSX calculates the formulas of the totals.
func inXLSX(t *testing.T, data []byte, sheet string) figures {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	head := slices.IndexFunc(rows, func(r []string) bool { return slices.Contains(r, "Units billed") })
	column := func(title string) string {
		name, err := excelize.ColumnNumberToName(slices.Index(rows[head], title) + 1)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	sums := make(map[string][2]*big.Rat)
	for i, row := range rows {
		kind, is := strings.CutPrefix(strings.Join(row[:min(1, len(row))], ""), "Total ")
		if !is {
			continue
		}
		var values [2]string
		for j, title := range []string{"Billed", "Units billed"} {
			if values[j], err = f.CalcCellValue(sheet, fmt.Sprintf("%s%d", column(title), i+1), excelize.Options{RawCellValue: true}); err != nil {
				t.Fatal(err)
			}
		}
		add(sums, kind, values[0], values[1])
	}
	return toFigures(sums)
}

// inPDF reads the totals below the table of usage: the number that stands last in each is that of the units.
func inPDF(t *testing.T, data []byte, title string) figures {
	t.Helper()
	texts := reporttest.PDFText(t, data)
	from := slices.Index(texts, title)
	sums := make(map[string][2]*big.Rat)
	for i := from; i >= 0 && i < len(texts); i++ {
		kind, is := strings.CutPrefix(texts[i], "Total ")
		if !is {
			if len(sums) > 0 {
				break // what follows is another table
			}
			continue
		}
		var numbers []string
		for i+1 < len(texts) && len(numbers) < 5 {
			if _, number := new(big.Rat).SetString(texts[i+1]); !number {
				break
			}
			i++
			numbers = append(numbers, texts[i])
		}
		if len(numbers) != 5 {
			t.Fatalf("%s is followed by %q: used, new, rental, billed and units are wanted", kind, numbers)
		}
		add(sums, kind, numbers[3], numbers[4])
	}
	return toFigures(sums)
}

// Whatever chance makes of a month, every format says what the statements say.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := newBilling(t, seed)
			all, err := o.app.Store.StatementsIn(t.Context(), reported)
			o.check(err)
			said := o.said(all)
			if len(said) == 0 {
				t.Fatal("chance made nothing")
			}
			o.agree(0, said, "Usage by company")
			for i := range all {
				o.agree(all[i].Company, o.said(all[i:i+1]), "Usage")
			}
			o.focusInvoices(records(t, o.file(0, "focus")))
			o.reprice()
			o.agree(0, said, "Usage by company")
			o.focusInvoices(records(t, o.file(0, "focus")))
		})
	}
}

func (o *billing) agree(company usage.CompanyID, want figures, title string) {
	o.t.Helper()
	for format, got := range map[string]figures{
		"csv":   inCSV(o.t, o.file(company, "csv"), "unit", "billed", "billedUnits"),
		"json":  inJSON(o.t, o.file(company, "json")),
		"xlsx":  inXLSX(o.t, o.file(company, "xlsx"), title),
		"pdf":   inPDF(o.t, o.file(company, "pdf"), title),
		"focus": inCSV(o.t, o.file(company, "focus"), "x_UnitKind", "x_BilledWorkloads", "x_BilledUnits"),
	} {
		if !same(got, want) {
			o.t.Errorf("company %d: %s says %v, the statements say %v", company, format, got, want)
		}
	}
}

func same(a, b figures) bool {
	for _, pair := range [][2]figures{{a, b}, {b, a}} {
		for kind, text := range pair[0] {
			if other := pair[1][kind]; other != text && !(other == "" && text == "0 workloads, 0.000000 units") {
				return false
			}
		}
	}
	return true
}

// ---- FOCUS

// The columns that FOCUS 1.2 wants in every data set.
var focusMandatory = []string{
	"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription",
	"ChargePeriodStart", "ChargePeriodEnd", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
	"ServiceCategory", "ServiceName",
}

// focusNullable are those that may be empty; no other column of FOCUS's may.
var focusNullable = []string{
	"ChargeClass", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "InvoiceId", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "ResourceId",
	"ResourceName", "ResourceType", "SkuId", "SkuMeter", "SkuPriceId", "Tags",
}

// TestFocusRules holds data sets that chance made to the rules of FOCUS 1.2 that can be broken by what they are made of.
func TestFocusRules(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for seed := range uint64(6) {
		o := newBilling(t, 100+seed)
		data := o.file(0, "focus")
		head, _, _ := strings.Cut(string(data), "\r\n")
		o.focusColumns(strings.Split(head, ","))
		rows := records(t, data)
		for _, row := range rows {
			o.focusRow(row)
			seen[row["ChargeCategory"]], seen[row["ChargeClass"]], seen[row["x_Completeness"]] = true, true, true
		}
		o.focusInvoices(rows)
	}
	for _, kind := range []string{"Usage", "Purchase", "Adjustment", "Tax", "Correction", "complete", "missing", "stale", "incomplete"} {
		if !seen[kind] {
			t.Errorf("chance made no %s", kind)
		}
	}
}

func (o *billing) focusColumns(columns []string) {
	for _, c := range focusMandatory {
		if !slices.Contains(columns, c) {
			o.t.Errorf("column %s is missing", c)
		}
	}
	own := slices.IndexFunc(columns, func(c string) bool { return strings.HasPrefix(c, "x_") })
	for i, c := range columns {
		if strings.HasPrefix(c, "x_") != (i >= own) {
			o.t.Errorf("column %s stands at %d: our own stand last, and begin with x_", c, i)
		}
	}
	if !slices.IsSorted(columns[:own]) || !slices.IsSorted(columns[own:]) {
		o.t.Errorf("%v: each part is in the order of names", columns)
	}
}

func (o *billing) focusRow(row map[string]string) {
	wrong := func(format string, args ...any) { o.t.Errorf("%s\n%v", fmt.Sprintf(format, args...), row) }
	null := func(c string) bool { return row[c] == "" }
	for c := range row {
		if null(c) && !strings.HasPrefix(c, "x_") && !slices.Contains(focusNullable, c) {
			wrong("%s is empty", c)
		}
	}
	correction, category := row["ChargeClass"] == "Correction", row["ChargeCategory"]
	asked := (category == "Usage" || category == "Purchase") && !correction
	if !correction && !null("ChargeClass") {
		wrong("ChargeClass is Correction or empty")
	}
	if null("ConsumedQuantity") != (category != "Usage") || null("ConsumedUnit") != null("ConsumedQuantity") {
		wrong("ConsumedQuantity is there for usage, and with its unit")
	}
	for _, c := range []string{"PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId", "PricingCategory"} {
		if asked && null(c) || category == "Tax" && !null(c) {
			wrong("%s is there for usage and purchases, and never for a tax", c)
		}
	}
	for _, c := range []string{"SkuMeter", "SkuPriceId", "SkuPriceDetails"} {
		if null("SkuId") && !null(c) {
			wrong("%s is there only with a SkuId", c)
		}
	}
	if counted := category == "Usage" || !null("x_UnitKind"); counted && !strings.Contains(row["SkuId"], "/") {
		wrong("what counts says its type")
	}
	if null("PricingUnit") != null("PricingQuantity") {
		wrong("PricingUnit is there with its quantity")
	}
	for price, cost := range map[string]string{"ListUnitPrice": "ListCost", "ContractedUnitPrice": "ContractedCost"} {
		if !null(price) && !null("PricingQuantity") && new(big.Rat).Mul(rat(row[price]), rat(row["PricingQuantity"])).Cmp(rat(row[cost])) != 0 {
			wrong("%s times PricingQuantity is not %s", price, cost)
		}
	}
	if row["ChargeFrequency"] == "Usage-Based" && category == "Purchase" {
		wrong("a purchase is not usage-based")
	}
	for _, c := range []string{"Billing", "Charge"} {
		if row[c+"PeriodStart"] != "2026-10-01T00:00:00Z" || row[c+"PeriodEnd"] != "2026-11-01T00:00:00Z" {
			wrong("%s period is not the month in UTC, its end exclusive", c)
		}
	}
	if tags := row["Tags"]; tags != "" {
		var kept map[string]string
		if err := json.Unmarshal([]byte(tags), &kept); err != nil {
			wrong("Tags: %v", err)
		}
	}
	if row["x_Completeness"] == "missing" && (category == "Usage" || row["BilledCost"] != "0" || !null("x_BilledWorkloads")) {
		wrong("what is missing is no figure")
	}
	final := row["x_Status"] == "Final"
	if null("InvoiceId") == final || null("x_StatementDigest") == final || !final && !strings.HasPrefix(row["x_Status"], "Draft, not final") {
		wrong("only what is final has an invoice and a digest")
	}
}

// focusInvoices adds up each invoice and each statement, and compares with what the statements bill at the plans' prices.
func (o *billing) focusInvoices(rows []map[string]string) {
	o.t.Helper()
	sums := make(map[string]*big.Rat)
	for _, row := range rows {
		id := row["x_StatementId"]
		if sums[id] == nil {
			sums[id] = new(big.Rat)
		}
		sums[id].Add(sums[id], rat(row["BilledCost"]))
		if !strings.HasSuffix(id, "-1") && id != "" != (row["ChargeClass"] == "Correction") {
			o.t.Errorf("%s is a statement that supersedes: its rows are corrections\n%v", id, row)
		}
		if row["InvoiceId"] != "" && row["InvoiceId"] != id {
			o.t.Errorf("invoice %s is of statement %s", row["InvoiceId"], id)
		}
	}
	today := o.plans()
	for _, company := range o.companies {
		all, err := o.app.Store.StatementsOf(o.t.Context(), company)
		o.check(err)
		p, state := today[company], "current"
		if agreed, planned := o.agreed[company]; planned && len(all) > 0 && all[0].State == statement.Final { // and what corrects it
			p, state = agreed, "kept"
		}
		for _, row := range rows {
			if of := strings.HasPrefix(row["x_StatementId"], company.String()+"-"); of && (row["x_PriceState"] != state || row["BillingCurrency"] != p.Currency) {
				o.t.Errorf("prices are %s, in %s, and not\n%v", state, p.Currency, row)
			}
		}
		before := new(big.Rat)
		for i := range all {
			owed := payable(&all[i], &p)
			id := fmt.Sprintf("%d-2026-10-%d", company, all[i].Number)
			if more := new(big.Rat).Sub(owed, before); more.Cmp(orZero(sums[id])) != 0 {
				o.t.Errorf("statement %s asks for %s more than the one before it, and its rows add up to %s", id, more.FloatString(9), orZero(sums[id]).FloatString(9))
			}
			before = owed
		}
	}
}

func orZero(r *big.Rat) *big.Rat {
	if r == nil {
		return new(big.Rat)
	}
	return r
}

// payable is what a statement asks for, worked out another way: row by row over the whole company.
func payable(t *statement.Statement, p *plan.Plan) *big.Rat {
	sum := rat(p.Service.Price.String())
	for _, r := range t.Content.Rows {
		price := usage.Units(0)
		switch {
		case r.Type == "CC_VM_Backup":
			price = p.StoredVM.Price
		case strings.HasPrefix(r.Type, "VBR_") && strings.HasSuffix(r.Type, "_VM"):
			price = p.VM.Price
		case strings.HasSuffix(r.Type, "_Workstation_Agent"):
			price = p.Workstation.Price
		}
		sum.Add(sum, new(big.Rat).Mul(rat(price.String()), new(big.Rat).SetInt64(t.Billed(r.RowKey).Count)))
	}
	hundredth := big.NewRat(1, 100)
	sum.Mul(sum, new(big.Rat).Sub(big.NewRat(1, 1), new(big.Rat).Mul(hundredth, rat(p.Discount.String()))))
	return sum.Mul(sum, new(big.Rat).Add(big.NewRat(1, 1), new(big.Rat).Mul(hundredth, rat(p.TaxPercent.String()))))
}

// A final report is the same bytes whenever it is made.
func TestReportsStay(t *testing.T) {
	t.Parallel()
	o := newBilling(t, 7)
	for _, format := range []string{"csv", "json", "xlsx", "pdf", "focus"} {
		first := o.file(o.companies[0], format)
		o.clock.Add(48 * time.Hour)
		if !bytes.Equal(first, o.file(o.companies[0], format)) {
			t.Errorf("%s: two days later it is another file", format)
		}
	}
}

// What a final month was priced with stays, whatever becomes of the plan; a month that is not final, or became so before prices were kept,
// follows the plan of today, and says so.
func TestFinalPricesStay(t *testing.T) {
	t.Parallel()
	o := newBilling(t, 11)
	all, err := o.app.Store.StatementsIn(t.Context(), reported)
	o.check(err)
	before := make(map[usage.CompanyID][]byte)
	for i := range all {
		before[all[i].Company] = o.file(all[i].Company, "focus")
	}
	old := all[slices.IndexFunc(all, func(s statement.Statement) bool { return s.State == statement.Final && s.Company != usage.Unassigned })].Company
	chain, err := o.app.Store.StatementsOf(t.Context(), old)
	o.check(err)
	for i := range chain { // as an older program left them
		chain[i].Priced = nil
	}
	o.check(o.app.Store.SaveStatements(t.Context(), chain))
	o.reprice()
	kept := 0
	for i := range all {
		company := all[i].Company
		now := o.file(company, "focus")
		first, err := o.app.Store.Statement(t.Context(), company, reported, 1)
		o.check(err)
		state := "current"
		if _, planned := o.agreed[company]; planned && first.State == statement.Final && company != old {
			state = "kept"
			if kept++; !bytes.Equal(before[company], now) {
				t.Errorf("company %d: another plan makes its final month another one", company)
			}
		}
		for _, row := range records(t, now) {
			if row["x_PriceState"] != state {
				t.Errorf("company %d: %s, not %s", company, row["x_PriceState"], state)
			}
			if row["BillingCurrency"] == "EUR" && state == "current" {
				t.Errorf("company %d: not today's plan\n%v", company, row)
			}
		}
	}
	if kept == 0 {
		t.Error("chance made no final month of a company with a plan")
	}
}

// A month that became final before prices were kept has one price, whichever of its statements is told: the one that was kept later.
func TestOneInvoiceHasOneSum(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		o := newBilling(t, 200+seed)
		for company := range o.agreed {
			chain, err := o.app.Store.StatementsOf(t.Context(), company)
			o.check(err)
			if len(chain) < 2 || chain[1].State != statement.Final {
				continue
			}
			chain[0].Priced = nil
			o.check(o.app.Store.SaveStatements(t.Context(), chain[:1]))
			o.reprice()
			sums := make(map[int]*big.Rat)
			for _, number := range []int{1, 2} {
				r, err := o.reports.OfCompany(t.Context(), company, reported, number, "focus")
				o.check(err)
				var data bytes.Buffer
				o.check(r.Write(&data))
				sums[number] = new(big.Rat)
				for _, row := range records(t, data.Bytes()) {
					if row["x_PriceState"] != "kept" {
						t.Errorf("statement %d: %s", number, row["x_PriceState"])
					}
					if strings.HasSuffix(row["InvoiceId"], "-1") {
						sums[number].Add(sums[number], rat(row["BilledCost"]))
					}
				}
			}
			if sums[1].Cmp(sums[2]) != 0 {
				t.Errorf("invoice 1 is %s, and told with the second one %s", sums[1].FloatString(6), sums[2].FloatString(6))
			}
			return
		}
	}
	t.Error("chance made no such month")
}

func statementID(s *statement.Statement) string {
	return fmt.Sprintf("%d-%s-%d", s.Company, s.Month, s.Number)
}

// A statement that a final one superseded says so in every format; one in whose place another is still being made is what it was.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	o := newBilling(t, 5)
	seen := make(map[statement.State]bool)
	for _, company := range o.companies {
		chain, err := o.app.Store.StatementsOf(t.Context(), company)
		o.check(err)
		if len(chain) < 2 {
			continue
		}
		last := chain[1]
		seen[last.State] = true
		by, note := "", fmt.Sprintf("Statement %d of this month stands in the place of this one.", last.Number)
		if last.State == statement.Final {
			by = "2"
		}
		for _, row := range records(t, o.numbered(company, 1, "csv")) {
			if row["statement"] != "1" || row["status"] != "Final" || row["supersededBy"] != by {
				t.Errorf("CSV of %d, superseded by %q: %v", company, by, row)
			}
		}
		for _, row := range append(records(t, o.numbered(company, 1, "focus")), records(t, o.file(company, "focus"))...) {
			if first := row["x_StatementId"] == statementID(&chain[0]); first && (row["x_Status"] != "Final" || row["x_SupersededBy"] != by) || !first && row["x_SupersededBy"] != "" {
				t.Errorf("FOCUS of %d, superseded by %q: %v", company, by, row)
			}
		}
		var d struct {
			Final      bool
			Notes      []string
			Parameters map[string]any
		}
		o.check(json.Unmarshal(o.numbered(company, 1, "json"), &d))
		if want := by != ""; !d.Final || slices.Contains(d.Notes, note) != want || (d.Parameters["supersededBy"] == statementID(&last)) != want {
			t.Errorf("JSON of %d, superseded by %q: %+v", company, by, d)
		}
		sheets, err := excelize.OpenReader(bytes.NewReader(o.numbered(company, 1, "xlsx")))
		o.check(err)
		front, err := sheets.GetRows("Report")
		o.check(errors.Join(err, sheets.Close()))
		paper := strings.Join(reporttest.PDFText(t, o.numbered(company, 1, "pdf")), "\n")
		for format, text := range map[string]string{"xlsx": fmt.Sprint(front), "pdf": paper} {
			if strings.Contains(text, note) != (by != "") || strings.Contains(text, "Superseded by") != (by != "") || strings.Contains(text, "Draft") {
				t.Errorf("%s of %d, superseded by %q: %s", format, company, by, text)
			}
		}
	}
	if !seen[statement.Final] || !seen[statement.Draft] {
		t.Error("chance made no final one, or no draft, in the place of another")
	}
}

// What was not read, and a company without a statement, are no zeros in any format: they are named, and have no figure.
func TestMissingIsNoFigure(t *testing.T) {
	t.Parallel()
	o := &billing{t: t, clock: testkit.At(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))}
	a, err := app.Open(t.Context(), app.Options{DataDir: t.TempDir(), Create: true, Now: o.clock.Now})
	o.check(err)
	t.Cleanup(func() { o.check(a.Close()) })
	o.app = a
	o.reports, err = a.Reports()
	o.check(err)
	names := []string{"Unread", "Serverless", "Idle", "Undrafted"}
	for i, name := range names {
		c, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: name})
		o.check(err)
		o.companies = append(o.companies, c.ID)
		if name == "Unread" || name == "Idle" {
			v, err := a.Fleet.AddServer(t.Context(), fleet.NewServer{Name: "SRV-" + name, Company: c.ID, InstallationID: fmt.Sprint("i", i)})
			o.check(err)
			o.servers = append(o.servers, v)
		}
	}
	o.clock.Set(time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC))
	o.r = rand.New(rand.NewPCG(1, 1))
	o.read(&o.servers[1], 0)
	o.clock.Set(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	o.draft(o.companies[:3])

	const unread, without = "SRV-Unread was not read: nothing of it is in the figures", "it has no statement of this month: nothing of it is in the figures"
	lines := records(t, o.file(0, "csv"))
	if len(lines) != len(names) {
		t.Errorf("%d lines", len(lines))
	}
	for _, row := range lines {
		if row["billed"] != "" || row["used"] != "" || row["billedUnits"] != "" {
			t.Errorf("%v has figures", row)
		}
		want := map[string][2]string{
			"Unread": {"Not known", unread}, "Serverless": {"No server", ""}, "Idle": {"Nothing used", ""}, "Undrafted": {"No statement", without},
		}[row["company"]]
		if got := [2]string{row["workload"], row["missing"]}; got != want {
			t.Errorf("%s: %q, not %q", row["company"], got, want)
		}
	}
	missing := 0
	for _, row := range records(t, o.file(0, "focus")) {
		o.focusRow(row)
		if row["x_Completeness"] == "missing" {
			missing++
		}
	}
	if missing != 2 {
		t.Errorf("%d rows tell what is missing", missing)
	}
	var d struct {
		Complete bool
		Missing  []string
		Sections []struct {
			Key  string
			Rows []map[string]any
		}
	}
	o.check(json.Unmarshal(o.file(0, "json"), &d))
	if want := []string{"Unread: " + unread, "Undrafted: " + without}; d.Complete || !slices.Equal(d.Missing, want) {
		t.Errorf("%v %q", d.Complete, d.Missing)
	}
	for _, s := range d.Sections {
		for _, row := range s.Rows {
			if s.Key == "companies" && row["billedUnits"] != nil {
				t.Errorf("%v has figures", row)
			}
		}
	}
	paper := strings.Join(reporttest.PDFText(t, o.file(0, "pdf")), "\n")
	sheets, err := excelize.OpenReader(bytes.NewReader(o.file(0, "xlsx")))
	o.check(err)
	defer func() { _ = sheets.Close() }()
	front, err := sheets.GetRows("Report")
	o.check(err)
	for _, text := range []string{unread, without} {
		if !strings.Contains(paper, text) || !strings.Contains(fmt.Sprint(front), text) {
			t.Errorf("%q is not on paper, or not in the workbook", text)
		}
	}

	// What was said then can be lined up with what is known now: where nothing was used, more is found; where nothing was known, nothing is compared.
	then := o.file(0, "csv")
	o.clock.Set(time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC))
	for i := range o.servers {
		o.read(&o.servers[i], 2)
	}
	o.clock.Set(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	o.draft(o.companies[:3])
	found, err := o.app.Compare(t.Context(), app.CompareQuery{Month: reported, File: app.Named{Name: "then.csv", Text: then}})
	o.check(err)
	if len(found.Unnamed) != 1 || found.Unnamed[0].Name != "Unread" || len(found.Unmatched) > 0 || !slices.ContainsFunc(found.Rows, func(r compare.Row) bool { return r.Party.Name == "Idle" }) {
		t.Errorf("%+v", found)
	}
}
