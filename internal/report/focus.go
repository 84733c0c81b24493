package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
)

// FOCUS 1.2, https://focus.finops.org: the cost and usage data set. Which column says what, and what is left out, is in
// docs/reports.md.

// billed is a company with its statements of a month, and what it is asked for.
type billed struct {
	subject
	statements []statement.Statement // the first, and those that superseded it, up to the one that is reported
	plan       plan.State
	kept       bool // the plan is the one that was kept with a final statement; else it is as it stands today
}

// The states of prices.
const (
	isKept    = "kept"
	isCurrent = "current"
)

func (b *billed) priceState() string {
	if b.kept {
		return isKept
	}
	return isCurrent
}

// focusing makes one data set.
type focusing struct {
	month    usage.Month
	provider string
	charges  []charge
}

// charge is a row of the data set.
type charge struct {
	of          *billed
	invoice     *invoice
	category    string
	correction  bool
	frequency   string
	description string

	product  usage.Product // empty: of none
	server   *statement.Server
	resource string // its type
	sku      string
	price    string // the rate's name; empty: none is set

	consumed   Cell
	quantity   *Amount
	unit       string
	list       *Amount // for one
	contracted *Amount
	listCost   Amount
	cost       Amount

	figures      statement.Billing
	kind         usage.UnitKind
	class        statement.LicenseClass
	completeness string
	peakAt       *time.Time
}

// invoice is what is asked for with one statement: what a bill that is made of it asks for.
type invoice struct {
	t          *statement.Statement // nil: there is none
	digest     string               // of a final one
	superseded int                  // by the final one of this number; 0: by none
}

// The categories of charges.
const (
	isUsage      = "Usage"
	isPurchase   = "Purchase"
	isAdjustment = "Adjustment"
	isTax        = "Tax"
)

const (
	usageBased = "Usage-Based"
	recurring  = "Recurring"
	oneTime    = "One-Time"
)

// ofFocus makes the data set. absent are the companies that have no statement.
func ofFocus(m *monthly, provider string, all, absent []billed, mark string) (Document, error) {
	f := &focusing{month: m.month, provider: provider}
	for i := range all {
		if err := f.add(&all[i]); err != nil {
			return Document{}, err
		}
	}
	for i := range absent {
		f.charges = append(f.charges, charge{
			of: &absent[i], invoice: &invoice{}, category: isAdjustment, frequency: oneTime, completeness: isMissing,
			description: absent[i].name() + ": " + withoutStatement,
		})
	}
	s := Section{Key: "focus", Title: "FOCUS 1.2 cost and usage", Main: true}
	for _, c := range focusColumns {
		s.Columns = append(s.Columns, Column{Key: c.name, Title: c.name, Kind: c.kind})
	}
	for i := range f.charges {
		row := make([]Cell, len(focusColumns))
		for j, c := range focusColumns {
			row[j] = c.get(f, &f.charges[i])
		}
		s.Rows = append(s.Rows, row)
	}
	return Document{Key: "focus", Title: s.Title, Subject: m.month.String(), Mark: mark, Missing: m.missing(), Sections: []Section{s}}, nil
}

// add adds the charges of a company: those of its first statement, and what each later one corrects.
func (f *focusing) add(b *billed) error {
	for i := range b.statements {
		end, err := finalOf(&b.statements[i])
		if err != nil {
			return err
		}
		inv := &invoice{t: &b.statements[i], digest: end.sha256, superseded: b.supersededSince(i)}
		first := len(f.charges)
		if i == 0 {
			f.addUsage(b, inv)
			f.addAdjustments(b, inv)
			f.addService(b, inv)
		} else {
			f.addCorrections(b, inv)
		}
		f.addTax(b, inv, first)
	}
	return nil
}

// supersededSince gives which final statement stands in the place of one of those that are told.
func (b *billed) supersededSince(i int) int {
	number := b.superseded
	for j := i + 1; j < len(b.statements) && b.superseded == 0; j++ {
		if t := &b.statements[j]; t.State == statement.Final {
			number = t.Number
		}
	}
	return number
}

func (f *focusing) addUsage(b *billed, inv *invoice) {
	for i := range inv.t.Content.Servers {
		v := &inv.t.Content.Servers[i]
		if v.Unknown {
			f.charges = append(f.charges, charge{
				of: b, invoice: inv, category: isAdjustment, frequency: oneTime, product: v.Product, server: v, resource: "Backup server", completeness: isMissing,
				description: v.Name + " was not read: its usage is missing",
			})
		}
		for j := range v.Rows {
			r := &v.Rows[j]
			c := charge{
				of: b, invoice: inv, category: isUsage, frequency: usageBased, product: v.Product, server: v, resource: r.Type, kind: r.Unit, peakAt: r.PeakAt,
				consumed: OfWhole(r.Used.Count), figures: statement.Billing{Used: r.Used, New: r.New, Rental: r.Rental, Billed: r.Used},
				description: "Protected workloads, " + catalog.TypeName(r.Type) + ", on " + v.Name, completeness: serverCompleteness(inv.t, v, r.Type),
			}
			edition, class := licenseOf(v, r)
			c.sku, c.class = skuID(edition, r.Type), class
			c.ask(r.Type, r.Used)
			f.charges = append(f.charges, c)
		}
	}
	f.addUnread(b, inv)
}

// licenseOf gives of which edition and whose a license is that a row of a server is counted by.
func licenseOf(v *statement.Server, r *statement.Row) (edition string, class statement.LicenseClass) {
	if l := cmp.Or(r.PeakLicense, v.License); l != nil {
		return l.Edition, l.Class
	}
	return "", statement.Provider
}

// skuID names what is asked for by edition and type.
func skuID(edition, typ string) string { return cmp.Or(edition, "Any") + "/" + typ }

// skuOf is that of what concerns a type on all servers of a product, so that a bill by type can be made of all rows: its edition and
// class where there is one in all statements.
func (b *billed) skuOf(product usage.Product, typ string) (sku string, class statement.LicenseClass) {
	editions, classes := make(map[string]bool), make(map[statement.LicenseClass]bool)
	for i := range b.statements {
		for j := range b.statements[i].Content.Servers {
			v := &b.statements[i].Content.Servers[j]
			for k := range v.Rows {
				if r := &v.Rows[k]; v.Product == product && r.Type == typ {
					edition, class := licenseOf(v, r)
					editions[edition], classes[class] = true, true
				}
			}
		}
	}
	return skuID(only(editions), typ), only(classes)
}

// only gives the one that there is; else nothing.
func only[T ~string](all map[T]bool) (one T) {
	if len(all) != 1 {
		return ""
	}
	for one = range all {
		break
	}
	return one
}

// addUnread names the servers that are not in a peak because they had not been read until then (C37).
func (f *focusing) addUnread(b *billed, inv *invoice) {
	servers := inv.t.Content.Servers
	for _, d := range doubts(inv.t) {
		if d.kind != unreadAtPeak {
			continue
		}
		c := charge{
			of: b, invoice: inv, category: isAdjustment, frequency: oneTime, product: usage.ProductConsole, resource: "Backup server", completeness: isMissing, description: d.text,
		}
		if at := slices.IndexFunc(servers, func(v statement.Server) bool { return v.ID == d.server }); at >= 0 {
			c.server = &servers[at]
		}
		f.charges = append(f.charges, c)
	}
}

// addAdjustments takes off what is not billed (C39), each as a row of its own.
func (f *focusing) addAdjustments(b *billed, inv *invoice) {
	for i := range inv.t.Adjustments {
		a := &inv.t.Adjustments[i]
		c := charge{
			of: b, invoice: inv, category: isAdjustment, frequency: oneTime, product: a.Product, resource: a.Type, kind: a.Unit,
			description: "Not billed, " + catalog.TypeName(a.Type) + ": " + a.Reason, completeness: completeness(inv.t),
		}
		c.sku, c.class = b.skuOf(a.Product, a.Type)
		less := statement.Amount{Count: -a.Amount.Count, Units: -a.Amount.Units}
		c.figures.Billed = less
		c.ask(a.Type, less)
		f.charges = append(f.charges, c)
	}
}

// addService asks for being served at all, where the plan does.
func (f *focusing) addService(b *billed, inv *invoice) {
	price := b.plan.Plan.Service.Price
	if price == 0 {
		return
	}
	c := charge{
		of: b, invoice: inv, category: isPurchase, frequency: recurring, sku: "service", price: "service", unit: "Months",
		description: "Service, " + b.plan.Plan.Name, completeness: completeness(inv.t),
	}
	c.price1(price, AmountOfWhole(1))
	f.charges = append(f.charges, c)
}

// addCorrections says by how much a statement bills otherwise than the one that it supersedes.
func (f *focusing) addCorrections(b *billed, inv *invoice) {
	for i := range inv.t.Differences {
		d := &inv.t.Differences[i]
		c := charge{
			of: b, invoice: inv, category: isUsage, correction: true, frequency: oneTime, product: d.Product, resource: d.Type, kind: d.Unit,
			description: fmt.Sprintf("Correction of statement %d, %s", inv.t.Supersedes, catalog.TypeName(d.Type)), completeness: completeness(inv.t),
		}
		c.sku, c.class = b.skuOf(d.Product, d.Type)
		for _, part := range []struct{ to, before, after *statement.Amount }{
			{&c.figures.Used, &d.Before.Used, &d.After.Used},
			{&c.figures.New, &d.Before.New, &d.After.New},
			{&c.figures.Rental, &d.Before.Rental, &d.After.Rental},
			{&c.figures.Billed, &d.Before.Billed, &d.After.Billed},
		} {
			*part.to = statement.Amount{Count: part.after.Count - part.before.Count, Units: part.after.Units - part.before.Units}
		}
		c.consumed = OfWhole(c.figures.Used.Count)
		c.ask(d.Type, c.figures.Billed)
		f.charges = append(f.charges, c)
	}
}

// addTax adds the tax on the charges of a statement, from the first of them on.
func (f *focusing) addTax(b *billed, inv *invoice, first int) {
	percent := b.plan.Plan.TaxPercent
	if percent == 0 || len(f.charges) == first {
		return
	}
	c := charge{
		of: b, invoice: inv, category: isTax, frequency: oneTime, completeness: completeness(inv.t),
		description: fmt.Sprintf("%s, %s %%", b.plan.Plan.Tax, percent), correction: f.charges[first].correction,
	}
	for i := first; i < len(f.charges); i++ {
		c.listCost, c.cost = c.listCost.Plus(f.charges[i].listCost), c.cost.Plus(f.charges[i].cost)
	}
	c.listCost, c.cost = c.listCost.Percent(percent), c.cost.Percent(percent)
	f.charges = append(f.charges, c)
}

// rateNames says which price of a plan workloads of a type have. The others have none in any plan.
var rateNames = map[string]string{
	"VBR_vSphere_VM": "vm", "VBR_HyperV_VM": "vm", "VBR_Nutanix_VM": "vm", "VBR_Proxmox_VM": "vm", "VBR_RHV_VM": "vm", "VBR_Other_VM": "vm", "VBR_Cloud_VM": "vm",
	"VBR_Server_Agent": "server", "VAC_Server_Agent": "server", "VBR_Workstation_Agent": "workstation", "VAC_Workstation_Agent": "workstation",
	"CC_VM_Backup": "storedVm", "CC_Server_Backup": "storedServer", "CC_Workstation_Backup": "storedWorkstation", "CC_VM_Replica": "replicatedVm",
}

// ask works out what is asked for an amount: for each object, where the plan has a price for its type; else nothing, and the
// quantity is the units.
func (c *charge) ask(typ string, amount statement.Amount) {
	for _, r := range c.of.plan.Plan.Rates() {
		if r.Name == rateNames[typ] && r.Price > 0 {
			c.price, c.unit = r.Name, "Workloads"
			c.price1(r.Price, AmountOfWhole(amount.Count))
			return
		}
	}
	c.unit = string(c.kind)
	c.price1(0, AmountOf(amount.Units))
}

// price1 works out costs from the price of one, and how many there are.
func (c *charge) price1(price usage.Units, quantity Amount) {
	list := AmountOf(price)
	contracted := list.Percent(100*usage.One - c.of.plan.Plan.Discount)
	c.list, c.contracted, c.quantity = &list, &contracted, &quantity
	c.listCost, c.cost = list.Times(quantity), contracted.Times(quantity)
}

// focusColumn is a column of the data set.
type focusColumn struct {
	name string
	kind Kind
	get  func(*focusing, *charge) Cell
}

// focusColumns are FOCUS's in their order, then our own, which begin with x_.
var focusColumns = []focusColumn{
	{"BilledCost", Money, func(_ *focusing, c *charge) Cell { return OfMoney(c.cost) }},
	{"BillingAccountId", Text, func(f *focusing, _ *charge) Cell { return OfText(f.provider) }},
	{"BillingAccountName", Text, func(f *focusing, _ *charge) Cell { return OfText(f.provider) }},
	{"BillingCurrency", Text, func(_ *focusing, c *charge) Cell { return OfText(c.of.plan.Plan.Currency) }},
	{"BillingPeriodEnd", Time, (*focusing).end},
	{"BillingPeriodStart", Time, (*focusing).start},
	{"ChargeCategory", Text, func(_ *focusing, c *charge) Cell { return OfText(c.category) }},
	{"ChargeClass", Text, func(_ *focusing, c *charge) Cell { return onlyIf(c.correction, OfText("Correction")) }},
	{"ChargeDescription", Text, func(_ *focusing, c *charge) Cell { return OfText(c.description) }},
	{"ChargeFrequency", Text, func(_ *focusing, c *charge) Cell { return OfText(c.frequency) }},
	{"ChargePeriodEnd", Time, (*focusing).end},
	{"ChargePeriodStart", Time, (*focusing).start},
	{"ConsumedQuantity", Whole, func(_ *focusing, c *charge) Cell { return c.consumed }},
	{"ConsumedUnit", Text, func(_ *focusing, c *charge) Cell { return onlyIf(c.consumed.Number(), OfText("Workloads")) }},
	{"ContractedCost", Money, func(_ *focusing, c *charge) Cell { return OfMoney(c.cost) }},
	{"ContractedUnitPrice", Money, func(_ *focusing, c *charge) Cell { return money(c.contracted) }},
	{"EffectiveCost", Money, func(_ *focusing, c *charge) Cell { return OfMoney(c.cost) }},
	{"InvoiceId", Text, func(_ *focusing, c *charge) Cell { return onlyIf(c.invoice.digest != "", OfText(c.invoice.id())) }},
	{"InvoiceIssuerName", Text, func(f *focusing, _ *charge) Cell { return OfText(f.provider) }},
	{"ListCost", Money, func(_ *focusing, c *charge) Cell { return OfMoney(c.listCost) }},
	{"ListUnitPrice", Money, func(_ *focusing, c *charge) Cell { return money(c.list) }},
	{"PricingCategory", Text, func(_ *focusing, c *charge) Cell { return onlyIf(c.list != nil, OfText("Standard")) }},
	{"PricingQuantity", Money, func(_ *focusing, c *charge) Cell { return money(c.quantity) }},
	{"PricingUnit", Text, func(_ *focusing, c *charge) Cell { return OfText(c.unit) }},
	{"ProviderName", Text, func(f *focusing, _ *charge) Cell { return OfText(f.provider) }},
	{"PublisherName", Text, (*focusing).publisher},
	{"ResourceId", Text, func(_ *focusing, c *charge) Cell { return OfText(c.resourceID()) }},
	{"ResourceName", Text, func(_ *focusing, c *charge) Cell { return OfText(c.resourceName()) }},
	{"ResourceType", Text, func(_ *focusing, c *charge) Cell { return onlyIf(c.server != nil, OfText(c.resource)) }},
	{"ServiceCategory", Text, func(*focusing, *charge) Cell { return OfText("Storage") }},
	{"ServiceName", Text, func(_ *focusing, c *charge) Cell { return OfText(cmp.Or(productNames[c.product], "Managed backup")) }},
	{"ServiceSubcategory", Text, func(*focusing, *charge) Cell { return OfText("Backup Storage") }},
	{"SkuId", Text, func(_ *focusing, c *charge) Cell { return OfText(c.sku) }},
	{"SkuMeter", Text, func(_ *focusing, c *charge) Cell {
		return onlyIf(c.category == isUsage && c.sku != "", OfText("Protected workloads"))
	}},
	{"SkuPriceId", Text, func(_ *focusing, c *charge) Cell { return OfText(c.priceID()) }},
	{"SubAccountId", Text, func(_ *focusing, c *charge) Cell { return OfText(c.of.company.UID) }},
	{"SubAccountName", Text, func(_ *focusing, c *charge) Cell { return OfText(c.companyName()) }},
	{"Tags", Text, func(_ *focusing, c *charge) Cell { return OfText(c.of.tags()) }},
	{"x_BilledUnits", Units, func(_ *focusing, c *charge) Cell { return onlyIf(c.counted(), OfUnits(c.figures.Billed.Units)) }},
	{"x_BilledWorkloads", Whole, func(_ *focusing, c *charge) Cell { return onlyIf(c.counted(), OfWhole(c.figures.Billed.Count)) }},
	{"x_Completeness", Text, func(_ *focusing, c *charge) Cell { return OfText(c.completeness) }},
	{"x_LicenseClass", Text, func(_ *focusing, c *charge) Cell { return OfText(string(c.class)) }},
	{"x_NewUnits", Units, func(_ *focusing, c *charge) Cell { return onlyIf(c.measured(), OfUnits(c.figures.New.Units)) }},
	{"x_NewWorkloads", Whole, func(_ *focusing, c *charge) Cell { return onlyIf(c.measured(), OfWhole(c.figures.New.Count)) }},
	{"x_PeakAt", Time, func(_ *focusing, c *charge) Cell { return OfTime(c.peakAt) }},
	{"x_PriceState", Text, func(_ *focusing, c *charge) Cell { return OfText(c.of.priceState()) }},
	{"x_RentalCount", Whole, func(_ *focusing, c *charge) Cell { return onlyIf(c.measured(), OfWhole(c.figures.Rental.Count)) }},
	{"x_RentalUnits", Units, func(_ *focusing, c *charge) Cell { return onlyIf(c.measured(), OfUnits(c.figures.Rental.Units)) }},
	{"x_StatementDigest", Text, func(_ *focusing, c *charge) Cell { return OfText(c.invoice.digest) }},
	{"x_StatementId", Text, func(_ *focusing, c *charge) Cell { return OfText(c.invoice.id()) }},
	{"x_Status", Text, func(_ *focusing, c *charge) Cell { return OfText(status(c.invoice.t)) }},
	{"x_SupersededBy", Whole, func(_ *focusing, c *charge) Cell { return ofNumber(c.invoice.superseded) }},
	{"x_UnitKind", Text, func(_ *focusing, c *charge) Cell { return OfText(string(c.kind)) }},
}

func onlyIf(holds bool, c Cell) Cell {
	if holds {
		return c
	}
	return Nothing()
}

func money(a *Amount) Cell {
	if a == nil {
		return Nothing()
	}
	return OfMoney(*a)
}

func (f *focusing) start(*charge) Cell {
	t := f.month.Start(time.UTC)
	return OfTime(&t)
}

func (f *focusing) end(*charge) Cell {
	t := f.month.End(time.UTC)
	return OfTime(&t)
}

// publisher is who makes the product; of what is no product, the provider.
func (f *focusing) publisher(c *charge) Cell {
	if c.product == "" {
		return OfText(f.provider)
	}
	return OfText(publisherName)
}

// counted reports whether the row is one of figures that are billed; measured, whether it says what was used.
func (c *charge) counted() bool  { return c.kind != "" }
func (c *charge) measured() bool { return c.category == isUsage }

func (c *charge) resourceID() string {
	if c.server == nil {
		return ""
	}
	return "server/" + c.server.ID.String()
}

func (c *charge) resourceName() string {
	if c.server == nil {
		return ""
	}
	return c.server.Name
}

// priceID names a price: what it is for, of which plan, in which of the plan's states.
func (c *charge) priceID() string {
	if c.sku == "" {
		return ""
	}
	return fmt.Sprintf("%s/plan-%d.%d", c.sku, c.of.plan.ID, c.of.plan.Revision)
}

// companyName is what the company was called then.
func (c *charge) companyName() string {
	if c.invoice.t != nil {
		return c.invoice.t.CompanyName
	}
	return c.of.name()
}

func (i *invoice) id() string {
	if i.t == nil {
		return ""
	}
	return statementID(i.t)
}

// tags are what ties a company to other programs, and what costs are sorted by: keys and values in JSON. Those of the company's
// own have no prefix; no key of one holds a slash, so that none takes the place of another.
func (b *billed) tags() string {
	tags := make(map[string]string)
	maps.Copy(tags, b.company.Tags)
	for key, value := range b.company.ExternalIDs {
		tags["externalId/"+key] = value
	}
	if id := b.company.Profile.ExternalID; id != "" {
		tags["tallystick/externalId"] = id
	}
	if len(tags) == 0 {
		return ""
	}
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(tags); err != nil { // cannot happen: it holds texts
		panic(err)
	}
	return strings.TrimSpace(text.String())
}
