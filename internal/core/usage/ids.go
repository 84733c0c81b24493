package usage

import (
	"strconv"
	"time"
)

// CompanyID numbers a company: 2 and upward, never reused. Unassigned is the
// provider's own pseudo company, to which belongs what maps to no company (C30).
type CompanyID int64

// Unassigned is the company of workloads whose tenant maps to no company (C30).
// It is addressed as "unassigned" and not listed on the v2 wire.
const Unassigned CompanyID = 1

// Provider is no company, but names the provider's shared servers as a whole: what is reported and computed of them is
// compared so, and is never an answer (C21).
const Provider CompanyID = 0

// FirstCompany is the smallest number that a real company can have.
const FirstCompany CompanyID = 2

// ServerID numbers a server, from 1 upward in the order in which servers were added; never reused.
type ServerID int64

// Position orders the entries of the ledger; given at commit under one lock.
type Position int64

func (id CompanyID) String() string { return strconv.FormatInt(int64(id), 10) }

func (id ServerID) String() string { return strconv.FormatInt(int64(id), 10) }

// Product is the kind of a server.
type Product string

// The products of counting.md §1.
const (
	ProductVBR          Product = "vbr"
	ProductCloudConnect Product = "cloudConnect"
	ProductConsole      Product = "console"
)

// Products lists all products in their order.
func Products() []Product { return []Product{ProductVBR, ProductCloudConnect, ProductConsole} }

// ProductCount is how many products there are.
const ProductCount = 3

// Index gives p's place among Products; -1: it is none of them.
func (p Product) Index() int {
	switch p {
	case ProductVBR:
		return 0
	case ProductCloudConnect:
		return 1
	case ProductConsole:
		return 2
	}
	return -1
}

// Known reports whether p is a product that we count.
func (p Product) Known() bool {
	return p.Index() >= 0
}

// Truncate gives t in UTC, cut to microseconds: the form in which every time is kept.
func Truncate(t time.Time) time.Time {
	t = t.UTC().Round(0) // without the monotonic clock
	if below := t.Nanosecond() % int(time.Microsecond); below != 0 {
		t = t.Add(-time.Duration(below))
	}
	return t
}
