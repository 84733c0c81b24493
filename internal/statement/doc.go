// Package statement keeps the month's statements: a company's figures of a month, frozen, with who did what
// (counting.md §8). What was counted is a function of the ledger before a cutoff; the rest is what people decided.
//
//	          the month ends       approve          finalise
//	open ───────────────▶ draft ─────────▶ approved ─────────▶ final
//	(running)             │ ▲ │             │                    │
//	                      │ └─┼─────────────┘ reopen             │ supersede: a new draft
//	                      └───┘ redraft, adjust                  ▼ that names this one
//
// Months go in their order. A final statement never changes.
package statement
