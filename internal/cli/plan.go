package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/plan"
)

type planCmd struct {
	Add    planAdd    `cmd:"" help:"Add a subscription plan. Example: tallystick plan add --name Gold --currency EUR --tax-percent 19 --price workstation=4.50 --price repository=15/TB --free repository=20GB"`
	List   planList   `cmd:"" help:"List plans, with how many companies have each. Example: tallystick plan list"`
	Show   planShow   `cmd:"" help:"What a plan asks for. Example: tallystick plan show name:Gold"`
	Edit   planEdit   `cmd:"" help:"Change a plan, for every company that has it. Example: tallystick plan edit 1 --price workstation=4.80"`
	Remove planRemove `cmd:"" help:"Remove a plan that no company has. Example: tallystick plan remove 1"`
}

// planFlags are what a plan says but its name; what is not given stays.
type planFlags struct {
	Description *string  `help:"What it is, in words."`
	Currency    *string  `help:"Three letters, as EUR." placeholder:"CODE"`
	Tax         *string  `help:"VAT, GST or SalesTax." placeholder:"KIND"`
	TaxPercent  *string  `help:"Of the tax." placeholder:"PERCENT"`
	Discount    *string  `help:"What is taken off, in percent." placeholder:"PERCENT"`
	Price       []string `help:"A price a month, as NAME=AMOUNT: service, vm, workstation, cloudAgent, server, storedVm, storedServer, storedWorkstation, replicatedVm; as NAME=AMOUNT/GB or /TB: repository, backupTransfer, replicationTransfer, cloudStorage; as compute=AMOUNT/hour. Repeatable." placeholder:"NAME=AMOUNT[/UNIT]" sep:"none"`
	Free        []string `help:"What is free, as NAME=AMOUNT and a unit: repository=20GB, cloudStorage=1TB, compute=10hour. Repeatable." placeholder:"NAME=AMOUNTUNIT" sep:"none"`
}

// apply puts the flags into a plan; all mistakes are told at once.
func (f *planFlags) apply(p *plan.Plan) error {
	var fields []fault.Field
	wrong := func(flag, format string, args ...any) {
		fields = append(fields, fault.Field{Path: flag, Text: fmt.Sprintf(format, args...)})
	}
	for _, text := range []struct{ from, to *string }{{f.Description, &p.Description}, {f.Currency, &p.Currency}, {f.Tax, &p.Tax}} {
		if text.from != nil {
			*text.to = *text.from
		}
	}
	for _, percent := range []struct {
		flag string
		from *string
		to   *usage.Units
	}{{"--tax-percent", f.TaxPercent, &p.TaxPercent}, {"--discount", f.Discount, &p.Discount}} {
		if percent.from != nil && !money(*percent.from, percent.to) {
			wrong(percent.flag, "%q is no number with six places at most", *percent.from)
		}
	}
	for _, text := range f.Price {
		name, value, _ := strings.Cut(text, "=")
		amount, unit, _ := strings.Cut(value, "/")
		rate := rateOf(p, name)
		if rate == nil || !money(amount, &rate.Price) {
			wrong("--price", "%q is not written as NAME=AMOUNT or NAME=AMOUNT/UNIT, with a name of %s and six places at most", text, plan.RateNames())
			continue
		}
		rate.Per = unit
	}
	for _, text := range f.Free {
		name, value, _ := strings.Cut(text, "=")
		amount := strings.TrimRight(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
		free, err := strconv.ParseInt(amount, 10, 64)
		rate := rateOf(p, name)
		if rate == nil || err != nil {
			wrong("--free", "%q is not written as repository=20GB, with a name of %s", text, plan.RateNames())
			continue
		}
		rate.Free, rate.FreePer = free, strings.TrimSpace(value[len(amount):])
	}
	return fault.InvalidFields("the plan is not kept", fields)
}

// money reads an exact amount; one that would have to be rounded is none.
func money(text string, to *usage.Units) bool {
	amount, rounded, err := usage.ParseUnits(strings.TrimSpace(text))
	if err != nil || rounded {
		return false
	}
	*to = amount
	return true
}

func rateOf(p *plan.Plan, name string) *plan.Rate {
	rates := p.Rates()
	at := slices.IndexFunc(rates, func(r plan.Named) bool { return strings.EqualFold(r.Name, strings.TrimSpace(name)) })
	if at < 0 {
		return nil
	}
	return rates[at].Rate
}

// planMistakes names what is wrong with a plan by the flags that it came from.
func planMistakes(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	for i := range f.Fields {
		switch path := f.Fields[i].Path; {
		case strings.HasPrefix(path, "--"):
		case path == "taxPercent":
			f.Fields[i].Path = "--tax-percent"
		case rateOf(&plan.Plan{}, path) != nil:
			f.Fields[i].Path = "--price, --free " + path
		default:
			f.Fields[i].Path = "--" + path
		}
	}
	return err
}

type planJSON struct {
	ID int64 `json:"id"`
	plan.Plan
}

// printPlan answers with the plan that is there now.
func (e *env) printPlan(item *plan.Item, done string) error {
	if e.json {
		return e.printJSON(planJSON{item.ID, item.Value})
	}
	if done != "" {
		e.say("Plan %d (%s) is %s.", item.ID, item.Value.Name, done)
		return nil
	}
	p := &item.Value
	rows := [][]string{
		{"name", p.Name},
		{"description", orDash(p.Description)},
		{"currency", p.Currency},
		{"tax", p.Tax + " " + p.TaxPercent.String() + " %"},
		{"discount", p.Discount.String() + " %"},
	}
	for _, r := range p.Rates() {
		rows = append(rows, []string{r.Name, r.String()})
	}
	return e.table("PLAN|"+strconv.FormatInt(item.ID, 10), rows)
}

type planAdd struct {
	Name string `help:"Its name, unique without regard to case." required:""`
	planFlags
}

func (c *planAdd) Run(e *env) error {
	p := plan.Plan{Name: c.Name, Tax: plan.Taxes[0]}
	if err := c.apply(&p); err != nil {
		return err
	}
	a, err := e.app(true)
	if err != nil {
		return err
	}
	item, err := a.Plans.Add(e.ctx, p)
	if err != nil {
		return planMistakes(err)
	}
	return e.printPlan(&item, "added")
}

type planList struct{}

func (*planList) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	items, err := a.Plans.All(e.ctx)
	if err != nil {
		return err
	}
	if e.json {
		list := make([]planJSON, len(items))
		for i := range items {
			list[i] = planJSON{items[i].ID, items[i].Value}
		}
		return e.printJSON(list)
	}
	companies, err := a.Store.Companies(e.ctx)
	if err != nil {
		return err
	}
	holders := make(map[int64]int)
	for i := range companies {
		if companies[i].ID >= usage.FirstCompany {
			holders[companies[i].Profile.Plan]++
		}
	}
	rows := make([][]string, len(items))
	for i := range items {
		p := &items[i].Value
		rows[i] = []string{strconv.FormatInt(items[i].ID, 10), p.Name, p.Currency, strconv.Itoa(holders[items[i].ID])}
	}
	return e.table("ID|NAME|CURRENCY|COMPANIES", rows)
}

// planRef is the argument that names a plan.
type planRef struct {
	Plan string `arg:"" help:"Number, or name:…; 0 is what companies without a plan have."`
}

func (c *planRef) find(e *env) (*app.App, plan.Item, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, plan.Item{}, err
	}
	item, err := a.Plans.Find(e.ctx, c.Plan)
	return a, item, err
}

type planShow struct{ planRef }

func (c *planShow) Run(e *env) error {
	_, item, err := c.find(e)
	if err != nil {
		return err
	}
	return e.printPlan(&item, "")
}

type planEdit struct {
	planRef
	Name *string `help:"A new name."`
	planFlags
}

func (c *planEdit) Run(e *env) error {
	a, item, err := c.find(e)
	if err != nil {
		return err
	}
	item, err = a.Plans.Edit(e.ctx, item.ID, func(p *plan.Plan) error {
		if c.Name != nil {
			p.Name = *c.Name
		}
		return c.apply(p)
	})
	if err != nil {
		return planMistakes(err)
	}
	return e.printPlan(&item, "changed")
}

type planRemove struct{ planRef }

func (c *planRemove) Run(e *env) error {
	a, item, err := c.find(e)
	if err != nil {
		return err
	}
	if err := a.Plans.Remove(e.ctx, item.ID); err != nil {
		return err
	}
	return e.printPlan(&item, "removed")
}
