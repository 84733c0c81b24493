// Package catalog knows the workload types and what one of each weighs
// (counting.md §4). Types and weights are dated data, with their sources, in
// data/; this package parses them and answers questions. A catalogue has a
// version; every version that a ledger may name is kept. A provider's own rows
// stand on one of them (own.go); the ledger keeps those.
package catalog
