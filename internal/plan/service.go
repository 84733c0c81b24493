package plan

import (
	"context"
	"fmt"
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

const kind = "subscription plan"

// Companies lists those that may have plans; fleet.CompanyStore is one.
type Companies interface {
	Companies(ctx context.Context) ([]fleet.Company, error)
}

// Directory changes companies; *fleet.Directory is one.
type Directory interface {
	EditCompany(ctx context.Context, id usage.CompanyID, e fleet.CompanyEdit) (fleet.Company, error)
}

// Service keeps the plans, and gives companies theirs.
type Service struct {
	Records   record.Store
	Companies Companies
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
	return record.Book[Plan]{Kind: kind, Store: s.Records, Now: s.Now}
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
	item, found, err := s.named(ctx, name)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "there is no plan named %q", name)
	}
	return item, err
}

func (s *Service) named(ctx context.Context, name string) (Item, bool, error) {
	all, err := s.All(ctx)
	for i := range all {
		if strings.EqualFold(all[i].Value.Name, strings.TrimSpace(name)) {
			return all[i], true, err
		}
	}
	return Item{}, false, err
}

// fits refuses what is no plan, and a name that another one has.
func (s *Service) fits(ctx context.Context, p *Plan, id int64) error {
	if err := fault.InvalidFields("the plan is not kept", p.check()); err != nil {
		return err
	}
	other, found, err := s.named(ctx, p.Name)
	if err == nil && found && other.ID != id {
		err = fault.New(fault.Conflict, "plan %d is named %q already", other.ID, other.Value.Name)
	}
	return err
}

// Add keeps a new plan. Invalid, with all that is wrong; Conflict: its name is taken.
func (s *Service) Add(ctx context.Context, p Plan) (Item, error) {
	if err := s.fits(ctx, &p, -1); err != nil {
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
		return s.fits(ctx, p, id)
	})
}

func defaultStays() error {
	return fault.New(fault.Conflict, "plan 0 is what companies without a plan have: it is neither changed nor removed")
}

// holdersTold is how many companies are named in a text.
const holdersTold = 5

// Remove removes a plan that no company has; its number is not given again. Conflict names those that have it.
func (s *Service) Remove(ctx context.Context, id int64) error {
	if id == 0 {
		return defaultStays()
	}
	if _, err := s.Get(ctx, id); err != nil {
		return err
	}
	companies, err := s.Companies.Companies(ctx)
	if err != nil {
		return err
	}
	var holders []string
	for i := range companies {
		if c := &companies[i]; c.Profile.Plan == id {
			holders = append(holders, fmt.Sprintf("%d (%s)", c.ID, c.Name))
		}
	}
	if n := len(holders); n > holdersTold {
		holders = append(holders[:holdersTold], fmt.Sprintf("%d more", n-holdersTold))
	}
	if len(holders) > 0 {
		return fault.New(fault.Conflict, "plan %d is not removed: it is that of the companies %s", id, strings.Join(holders, ", "))
	}
	return s.book().Remove(ctx, record.Below{}, id)
}

// Assign gives a company a plan; 0 takes the one it has away. NotFound: there is no such company or plan.
func (s *Service) Assign(ctx context.Context, company usage.CompanyID, id int64) (fleet.Company, error) {
	return s.Directory.EditCompany(ctx, company, fleet.CompanyEdit{Profile: s.Giving(ctx, id)})
}

// Giving is what a change of a company does with its profile to give it a plan.
func (s *Service) Giving(ctx context.Context, id int64) func(*fleet.Profile) error {
	return func(p *fleet.Profile) error {
		_, err := s.Get(ctx, id)
		p.Plan = id
		return err
	}
}
