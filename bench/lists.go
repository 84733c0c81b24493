package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	tenantsPath     = "/v2/tenants"
	filterMax       = 50 * time.Millisecond
	listMax         = 300 * time.Millisecond
	firstAgainstOne = 2.0
)

// lists asks for tenants: those that a filter keeps of all, all with their links, and the first beside that tenant alone.
func (b *bench) lists(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.get(ctx, tenantsPath); err != nil { // what is counted is kept from here on
		return nil, err
	}
	taking := func(path string) func() (float64, error) {
		return func() (float64, error) {
			begin := time.Now()
			_, _, err := c.get(ctx, path)
			return time.Since(begin).Seconds() * 1000, err
		}
	}
	one := tenantsPath + "/" + usage.FirstCompany.String()
	last := usage.FirstCompany + usage.CompanyID(b.fleet.set.Companies) - 1
	_, name, err := c.get(ctx, tenantsPath+"/"+last.String()+"?$select=name")
	if err != nil {
		return nil, err
	}
	name = name[len(`{"name":"`) : len(name)-len(`"}`)]
	filtered, _, _, err := pairs(taking(tenantsPath+"?$filter="+url.QueryEscape("name eq '"+name+"'")), taking(one))
	if err != nil {
		return nil, err
	}
	_, before := memoryMB(c.pid())
	list, _, _, err := pairs(taking(tenantsPath), taking(one))
	if err != nil {
		return nil, err
	}
	_, after := memoryMB(c.pid())
	first, alone, ratio, err := pairs(many(taking(tenantsPath+"?$top=1")), many(taking(one)))
	tenants := count(float64(b.fleet.set.Companies))
	return []row{{
		what: "$filter over " + tenants + " tenants, Fleet", figure: fmt.Sprintf("%.1f ms", filtered),
		bar: fmt.Sprintf("< %d ms", filterMax.Milliseconds()), holds: holds(filtered < float64(filterMax.Milliseconds())),
	}, {
		what: tenants + " tenants with counts and links, Fleet", figure: fmt.Sprintf("%.0f ms (peak memory %+.0f MB)", list, after-before),
		bar: fmt.Sprintf("< %d ms", listMax.Milliseconds()), holds: holds(list < float64(listMax.Milliseconds())),
	}, {
		what: "the first of them, $top=1", figure: fmt.Sprintf("%.2f ms", first), ceiling: fmt.Sprintf("the same tenant alone %.2f ms", alone),
		ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≤ %.0f", firstAgainstOne), holds: holds(ratio <= firstAgainstOne),
	}}, err
}

// many gives the median of what is quick, few of what is not.
func many(measure func() (float64, error)) func() (float64, error) { return middle(200, measure) }

func few(measure func() (float64, error)) func() (float64, error) { return middle(pairCount, measure) }

func middle(times int, measure func() (float64, error)) func() (float64, error) {
	return func() (float64, error) {
		var list []float64
		for range times {
			if err := note(&list, measure); err != nil {
				return 0, err
			}
		}
		return median(list), nil
	}
}
