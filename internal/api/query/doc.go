// Package query is what the surfaces share where they answer with records: what is known of a record from its Go struct (Shape), the
// language of conditions and orders over its properties, and how a list of any length is written in little memory.
//
//	struct ──ShapeOf──▶ Shape ──┬── ParseFilter, ParseOrder ──▶ Query ──Write──▶ JSON
//	                            └── AppendObject
//
// The language is that of OData's $filter and $orderby; the names of options are the surface's own.
package query
