// Package v2 is the REST API v2 of the vendor's provider console, as its clients
// rely on it (rest-v2.md): a surface that translates and decides nothing. Every
// figure comes from the ledger, every right from access.
//
//	request ──routes──▶ handler ──ports──▶ domain values ──wire──▶ JSON in wire order
//	                                                     └─query──▶ $filter, $orderby, …
//
// routes.go lists every endpoint of the reference and whether it is served; the
// page docs/compat/vac-v2.md is written from it.
package v2
