// Package alarm keeps what is wrong: conditions that are checked, and the events
// that they raise. An event has a life:
//
//	          condition holds              condition ends
//	(none) ───────────────────▶ Error ───────────────────▶ Resolved
//	                            ▲   │ holds still: unchanged   │
//	                            │   └──┘                       │
//	                            └──── holds again: repeatCount + 1
//
// One event stands for one (template, server or company, subject); its
// activations are kept as history.
package alarm
