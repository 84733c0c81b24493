package plan

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/record"
)

// Item is a plan with its number.
type Item = record.Item[Plan]

const kind = fleet.KindPlan

// Directory changes companies; *fleet.Directory is one.
type Directory interface {
	EditCompany(ctx context.Context, id usage.CompanyID, e fleet.CompanyEdit) (fleet.Company, error)
}

// Service keeps the plans, and gives companies theirs.
type Service struct {
	Records   record.Store
	Directory Directory
	Now       func() time.Time
}

// Default is what a company has that was given no plan: number 0, which is always there and asks for nothing.
func Default() Item {
	return Item{
		Record: record.Record{Kind: kind},
		Value:  Plan{Name: "Default subscription plan", Description: "Nothing is asked for.", Currency: "USD", Tax: Taxes[0]},
	}
}

func (s *Service) book() record.Book[Plan] {
	return record.Book[Plan]{Kind: kind, Store: s.Records, Now: s.Now, Fits: alone, Says: changes}
}

// All lists the plans by their numbers, the default one first.
func (s *Service) All(ctx context.Context) ([]Item, error) {
	items, err := s.book().List(ctx, record.Below{})
	return append([]Item{Default()}, items...), err
}

// Get gives one by its number; NotFound.
func (s *Service) Get(ctx context.Context, id int64) (Item, error) {
	if id == 0 {
		return Default(), nil
	}
	return s.book().Get(ctx, record.Below{}, id)
}

// Find gives one by what a person writes: a number, or "name:…". NotFound.
func (s *Service) Find(ctx context.Context, ref string) (Item, error) {
	ref = strings.TrimSpace(ref)
	name, byName := strings.CutPrefix(ref, "name:")
	if !byName {
		id, err := strconv.ParseInt(ref, 10, 64)
		if err != nil || id < 0 {
			return Item{}, fault.New(fault.NotFound, "there is no plan %q: give its number, or name:…", ref)
		}
		return s.Get(ctx, id)
	}
	all, err := s.All(ctx)
	item, found := named(all, name)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "there is no plan named %q", name)
	}
	return item, err
}

func named(plans []Item, name string) (Item, bool) {
	at := slices.IndexFunc(plans, func(item Item) bool { return strings.EqualFold(item.Value.Name, strings.TrimSpace(name)) })
	if at < 0 {
		return Item{}, false
	}
	return plans[at], true
}

func fits(p *Plan) error { return fault.InvalidFields("the plan is not kept", p.check()) }

// alone refuses a name that another one has.
func alone(p *Plan, others []Item) error {
	if other, found := named(append(others, Default()), p.Name); found {
		return fault.New(fault.Conflict, "plan %d is named %q already", other.ID, other.Value.Name)
	}
	return nil
}

// Add keeps a new plan. Invalid, with all that is wrong; Conflict: its name is taken.
func (s *Service) Add(ctx context.Context, p Plan) (Item, error) {
	if err := fits(&p); err != nil {
		return Item{}, err
	}
	return s.book().Add(ctx, record.Below{}, p)
}

// Edit changes a plan, for every company that has it. Conflict: it is the default one, or the name is taken.
func (s *Service) Edit(ctx context.Context, id int64, edit func(*Plan) error) (Item, error) {
	if id == 0 {
		return Item{}, defaultStays()
	}
	return s.book().Change(ctx, record.Below{}, id, func(p *Plan) error {
		if err := edit(p); err != nil {
			return err
		}
		return fits(p)
	})
}

func defaultStays() error {
	return fault.New(fault.Conflict, "plan 0 is what companies without a plan have: it is neither changed nor removed")
}

// Remove removes a plan that no company has; its number is not given again. Conflict names those that have it. The error of
// a when, which looks at what is there, is the answer.
func (s *Service) Remove(ctx context.Context, id int64, when ...func(*Item) error) error {
	if id == 0 {
		return defaultStays()
	}
	return s.book().Remove(ctx, record.Below{}, id, when...)
}

// Assign gives a company a plan; 0 takes the one it has away. NotFound: there is no such company or plan.
func (s *Service) Assign(ctx context.Context, company usage.CompanyID, id int64) (fleet.Company, error) {
	return s.Directory.EditCompany(ctx, company, fleet.CompanyEdit{Profile: Giving(id)})
}

// Giving is what a change of a company does with its profile to give it a plan. That there is such a plan the store sees to.
func Giving(id int64) func(*fleet.Profile) error {
	return func(p *fleet.Profile) error {
		p.Plan = id
		return nil
	}
}
