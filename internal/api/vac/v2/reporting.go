package v2

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// reporting adds the statements of a month up into one report. It counts nothing: each number is one of a statement, or
// a sum of such.
type reporting struct {
	standing

	changed time.Time             // when the last of them was changed
	own     section               // what the provider's licenses are used for
	others  map[licensee]*section // and those of others, and free ones (C41)
	err     error
}

// licensee is whom licenses are issued to that are not the provider's.
type licensee struct {
	class statement.LicenseClass
	name  string
}

// section is the report itself, or an appendix.
type section struct {
	products      products
	organizations []organizationUsage
	details       []usageDetail
	cloud         map[string]bool // servers that were not collected
}

type products map[productKey]workloads

// productKey tells apart what is not added: units of two kinds never are (C28).
type productKey struct {
	product usage.Product
	edition string
	unit    usage.UnitKind
}

type workloads map[string]*reportedType // by the report's name of the type

// reportedType is a workload type of a product.
type reportedType struct {
	workloadUsage

	order int
	mixed bool // there is no weight that says it
}

func (b *reporting) add(t *statement.Statement) {
	b.states[t.State]++
	if n := len(t.Trail); n > 0 && t.Trail[n-1].At.After(b.changed) {
		b.changed = t.Trail[n-1].At
	}
	detail := usageDetail{NotCollected: []string{}}
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		b.complete = b.complete && !v.Unknown && !v.Stale
		switch {
		case !v.Unknown:
		case v.Product == usage.ProductCloudConnect:
			if b.own.cloud == nil {
				b.own.cloud = make(map[string]bool)
			}
			b.own.cloud[v.Name] = true
		default:
			detail.NotCollected = append(detail.NotCollected, v.Name)
		}
	}
	own, others := make(products), make(map[licensee]products)
	for _, share := range t.Shares() {
		if share.Class == statement.Provider {
			b.addShare(own, &share)
			continue
		}
		whose := licensee{share.Class, share.LicensedTo}
		of, known := others[whose]
		if !known {
			of = make(products)
		}
		if b.addShare(of, &share); len(of) > 0 { // what is only covered by rental licenses makes no appendix
			others[whose] = of
		}
	}
	b.own.add(b, t, own, detail)
	for whose, of := range others {
		if b.others == nil {
			b.others = make(map[licensee]*section)
		}
		if b.others[whose] == nil {
			b.others[whose] = &section{}
		}
		b.others[whose].add(b, t, of, usageDetail{NotCollected: []string{}})
	}
}

// addShare adds what servers with licenses of one kind contribute; what is only covered by a tenant's rental license is
// not in a report (C5).
func (b *reporting) addShare(to products, share *statement.Share) {
	for i := range share.Rows {
		r := &share.Rows[i]
		if r.Used.Count == 0 && r.New.Count == 0 {
			continue
		}
		key := productKey{share.Product, wireEdition(share.Edition), r.Unit}
		if to[key] == nil {
			to[key] = make(workloads)
		}
		one := reportedType{
			workloadUsage: workloadUsage{
				Type: reportType(r.Type), InitialCount: r.Used.Count, ReportedCount: r.Billed.Count, NewCount: r.New.Count, UsedPoints: r.Billed.Units,
			},
			order: typeOrder(r.Type),
		}
		one.Weight = weightOf(&r.Billing)
		one.mixed = one.Weight == nil
		b.addType(to[key], &one)
	}
}

// weightOf gives what each object of a row weighs, on average, where that times each number gives its units.
func weightOf(b *statement.Billing) *usage.Units {
	of := b.Used
	if of.Count == 0 {
		of = b.New
	}
	each := of.Units / usage.Units(of.Count)
	for _, a := range []statement.Amount{b.Used, b.New, b.Billed} {
		if units, fits := each.Times(a.Count); !fits || units != a.Units {
			return nil
		}
	}
	return &each
}

func typeOrder(id string) int {
	if t, known := catalog.Latest().Type(id); known {
		return t.Order
	}
	return math.MaxInt
}

func (b *reporting) addType(to workloads, one *reportedType) {
	sum := to[one.Type]
	if sum == nil {
		fresh := *one
		to[one.Type] = &fresh
		return
	}
	sum.InitialCount += one.InitialCount
	sum.ReportedCount += one.ReportedCount
	sum.NewCount += one.NewCount
	b.plus(&sum.UsedPoints, one.UsedPoints)
	sum.order = min(sum.order, one.order)
	if sum.mixed = sum.mixed || one.mixed || *sum.Weight != *one.Weight; sum.mixed {
		sum.Weight = nil
	}
}

// plus adds; what is more than can be counted is an error, not another number.
func (b *reporting) plus(sum *usage.Units, units usage.Units) {
	total, fits := usage.Add(*sum, units)
	if !fits {
		b.err = fault.New(fault.Internal, "the units of all companies in %s add up to more than can be counted", b.month)
	}
	*sum = total
}

// add takes what one company's statement says.
func (s *section) add(b *reporting, t *statement.Statement, of products, detail usageDetail) {
	uid := cmp.Or(guid(t.CompanyUID), zeroUID)
	kind := "company"
	if t.Company == usage.Unassigned { // whose tenants these are nobody said
		kind = "unknown"
	}
	list, total := b.list(of)
	s.organizations = append(s.organizations, organizationUsage{kind, t.CompanyName, uid, total})
	detail.Name, detail.UID, detail.Licenses = t.CompanyName, uid, make([]licenseUsage, len(list))
	for i := range list {
		p := &list[i]
		detail.Licenses[i] = licenseUsage{nil, p.ProductName, p.LicenseEdition, p.TotalPoints, p.Workloads}
	}
	s.details = append(s.details, detail)
	if s.products == nil {
		s.products = make(products)
	}
	for key, types := range of {
		if s.products[key] == nil {
			s.products[key] = make(workloads)
		}
		for _, one := range types {
			b.addType(s.products[key], one)
		}
	}
}

// list gives products in their order, and what they add up to; null where they cannot be added.
func (b *reporting) list(of products) ([]productUsage, *usage.Units) {
	keys := slices.SortedFunc(maps.Keys(of), func(x, y productKey) int {
		return cmp.Or(cmp.Compare(x.product.Index(), y.product.Index()), cmp.Compare(x.edition, y.edition), cmp.Compare(x.unit, y.unit))
	})
	list, total := make([]productUsage, len(keys)), usage.Units(0)
	kinds := make([]usage.UnitKind, len(keys))
	for i, key := range keys {
		kinds[i] = key.unit
		p := productUsage{ProductName: reportProducts[key.product], LicenseEdition: orNull(edition(key.edition)), Workloads: []workloadUsage{}}
		for _, one := range slices.SortedFunc(maps.Values(of[key]), func(x, y *reportedType) int {
			return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.Type, y.Type))
		}) {
			p.Workloads = append(p.Workloads, one.workloadUsage)
			b.plus(&p.TotalPoints, one.UsedPoints)
		}
		b.plus(&total, p.TotalPoints)
		list[i] = p
	}
	b.kinds = append(b.kinds, kinds...)
	if oneKind(kinds) == "Mixed" {
		return list, nil
	}
	return list, &total
}

// write puts it into the report.
func (b *reporting) write(w *usageReport) {
	w.Summary, w.Organizations, w.Details = b.summary(&b.own), b.own.organizations, b.own.details
	w.NotCollectedCloud = append([]string{}, slices.Sorted(maps.Keys(b.own.cloud))...)
	w.Appendices = []reportAppendix{}
	for _, whose := range slices.SortedFunc(maps.Keys(b.others), func(x, y licensee) int {
		return cmp.Or(cmp.Compare(x.class, y.class), cmp.Compare(x.name, y.name))
	}) {
		s := b.others[whose]
		w.Appendices = append(w.Appendices, reportAppendix{whose.name, b.summary(s), s.organizations, []string{}, s.details})
	}
}

func (b *reporting) summary(s *section) reportSummary {
	list, total := b.list(s.products)
	return reportSummary{total, list}
}
