// Package compare lines up our figures of a month with those of somebody else: a file of the console that was there before, or of
// whoever counts besides.
//
// Its rules: nothing is dropped silently, and nothing is guessed. What the file says of companies or types that are not known here
// is listed; a machine is matched by its id, else by its name, and a name that several have is said to be so. It is pure: what our
// side says comes from statements, and a comparison changes nothing.
//
//	CSV + mapping ─┐
//	usage report ──┼─▶ File ─┐
//	license report ┘         ├─▶ Compare ─▶ Result
//	statements ────▶ Party ──┘
package compare
