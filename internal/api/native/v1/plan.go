package v1

import (
	"strconv"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/plan"
)

// planRow is a subscription plan in a list.
type planRow struct {
	ID          int64       `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Currency    string      `json:"currency"`
	Tax         string      `json:"tax"`
	TaxPercent  usage.Units `json:"taxPercent"`
	Discount    usage.Units `json:"discount"` // percent
	Rates       []price     `json:"rates"`    // what is asked for
}

// price is what is asked for one, and how many are free.
type price struct {
	Name    string      `json:"name"`
	Price   usage.Units `json:"price"`
	Per     string      `json:"per"` // empty: for one of them
	Free    int64       `json:"free"`
	FreePer string      `json:"freePer"`
}

func toPlan(v *plan.Item) planRow {
	p := v.Value
	out := planRow{v.ID, p.Name, p.Description, p.Currency, p.Tax, p.TaxPercent, p.Discount, []price{}}
	for _, r := range p.Rates() {
		if *r.Rate != (plan.Rate{}) {
			out.Rates = append(out.Rates, price{r.Name, r.Price, r.Per, r.Free, r.FreePer})
		}
	}
	return out
}

func (s *Surface) listPlans(c *call) (any, error) {
	if err := c.forProvider(access.Read); err != nil {
		return nil, err
	}
	all, err := s.Plans.All(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]planRow, len(all))
	for i := range all {
		list[i] = toPlan(&all[i])
	}
	return rowsOf("id", list), nil
}

// plan finds the one of the path, and asks whether the caller may do something with plans.
func (s *Surface) plan(c *call, action access.Action) (plan.Item, error) {
	if err := c.forProvider(action); err != nil {
		return plan.Item{}, err
	}
	id, err := strconv.ParseInt(c.id("plan"), 10, 64)
	if err != nil {
		return plan.Item{}, notThere("plan", c.id("plan"))
	}
	found, err := s.Plans.Get(c.ctx(), id)
	if fault.Is(err, fault.NotFound) {
		err = notThere("plan", id)
	}
	return found, err
}

func (s *Surface) getPlan(c *call) (any, error) {
	found, err := s.plan(c, access.Read)
	if err != nil {
		return nil, err
	}
	return object{value: toPlan(&found)}, nil
}

// planChange is what a request says of a plan; nil: nothing.
type planChange struct {
	Name        *string      `json:"name"`
	Description *string      `json:"description" null:"clears"`
	Currency    *string      `json:"currency"`
	Tax         *string      `json:"tax"`
	TaxPercent  *usage.Units `json:"taxPercent" null:"clears"`
	Discount    *usage.Units `json:"discount" null:"clears"`
	Rates       *[]price     `json:"rates" null:"clears"` // all of them: what is not named asks for nothing
}

func (in *planChange) apply(p *plan.Plan) error {
	set(&p.Name, in.Name)
	set(&p.Description, in.Description)
	set(&p.Currency, in.Currency)
	set(&p.Tax, in.Tax)
	set(&p.TaxPercent, in.TaxPercent)
	set(&p.Discount, in.Discount)
	if in.Rates == nil {
		return nil
	}
	rates := make(map[string]*plan.Rate)
	for _, r := range p.Rates() {
		*r.Rate = plan.Rate{}
		rates[r.Name] = r.Rate
	}
	for _, r := range *in.Rates {
		if rates[r.Name] == nil {
			return fault.InvalidFields("the plan is not valid", []fault.Field{{Path: "rates", Text: strconv.Quote(r.Name) + " is none of " + plan.RateNames()}})
		}
		*rates[r.Name] = plan.Rate{Price: r.Price, Per: r.Per, Free: r.Free, FreePer: r.FreePer}
	}
	return nil
}

func (s *Surface) addPlan(c *call) (any, error) {
	if err := c.forProvider(access.ManageCompanies); err != nil {
		return nil, err
	}
	var in planChange
	p := plan.Plan{}
	err := c.read(&in)
	if err == nil {
		err = in.apply(&p)
	}
	if err != nil {
		return nil, err
	}
	added, err := s.Plans.Add(c.ctx(), p)
	if err != nil {
		return nil, err
	}
	return made(toPlan(&added), "/plans/"+strconv.FormatInt(added.ID, 10)), nil
}

func (s *Surface) editPlan(c *call) (any, error) {
	found, err := s.plan(c, access.ManageCompanies)
	if err != nil {
		return nil, err
	}
	var in planChange
	if err := c.read(&in); err != nil {
		return nil, err
	}
	changed, err := s.Plans.Edit(c.ctx(), found.ID, func(p *plan.Plan) error {
		now := found
		now.Value = *p
		if err := c.match(toPlan(&now)); err != nil {
			return err
		}
		return in.apply(p)
	})
	if err != nil {
		return nil, err
	}
	return object{value: toPlan(&changed)}, nil
}

func (s *Surface) removePlan(c *call) (any, error) {
	found, err := s.plan(c, access.ManageCompanies)
	if err != nil {
		return nil, err
	}
	return nothing{}, s.Plans.Remove(c.ctx(), found.ID, func(now *plan.Item) error { return c.match(toPlan(now)) })
}
