// Package alarm keeps what is wrong: conditions that are checked, and the events
// that they raise. An event has a life:
//
//	          condition holds                       condition ends
//	(none) ───────────────────▶ Error, Warning, ───────────────────▶ Resolved
//	                            Information    ◀───────────────────
//	                               │     ▲         holds again: repeatCount + 1
//	              a person knows   ▼     │ it gets worse
//	                            Acknowledged ──── condition ends ───▶ Resolved
//
// One event stands for one (template, server or company, subject), however often
// it comes; its activations are kept as history, and so is what people say of it.
// A person may resolve one, too: it comes back where its condition still holds.
//
// Conditions are functions over what a round has read: a server's readings, the
// tallies that it is part of, the statements of a month. The limits are in limits.go.
package alarm
