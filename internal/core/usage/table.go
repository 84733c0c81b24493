package usage

import (
	"sync"
	"sync/atomic"
)

// ByCompany holds a T for each company. Numbers are small and given in turn (product.md §1), so that a place is found
// without hashing or locking; it never moves. The zero table is empty.
type ByCompany[T any] struct {
	pages atomic.Pointer[[]*companyPage[T]]
	mu    sync.Mutex // held by who makes pages
}

const (
	companyPageSize = 128
	companyPagesMax = 1 << 15 // four million companies
)

type companyPage[T any] [companyPageSize]T

// Get gives a company's place; nil: nothing was ever put near it.
func (t *ByCompany[T]) Get(id CompanyID) *T {
	pages := t.pages.Load()
	if id < 0 || pages == nil {
		return nil
	}
	if at := int(id / companyPageSize); at < len(*pages) && (*pages)[at] != nil {
		return &(*pages)[at][id%companyPageSize]
	}
	return nil
}

// Make gives a company's place, which it makes; for a number that no company can have, one that is kept nowhere.
func (t *ByCompany[T]) Make(id CompanyID) *T {
	if place := t.Get(id); place != nil {
		return place
	}
	if id < 0 || id/companyPageSize >= companyPagesMax {
		return new(T)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var pages []*companyPage[T]
	if known := t.pages.Load(); known != nil {
		pages = append(pages, *known...)
	}
	at := int(id / companyPageSize)
	for len(pages) <= at {
		pages = append(pages, nil)
	}
	if pages[at] == nil {
		pages[at] = new(companyPage[T])
	}
	t.pages.Store(&pages)
	return &pages[at][id%companyPageSize]
}

// All calls visit with every place that was made.
func (t *ByCompany[T]) All(visit func(*T)) {
	pages := t.pages.Load()
	if pages == nil {
		return
	}
	for _, page := range *pages {
		if page == nil { // nobody asked for companies that early yet
			continue
		}
		for i := range page {
			visit(&page[i])
		}
	}
}
