// Package audit says who changed what: a trail that is written in the same transaction as the change, and only read after.
//
// What the program does by itself is no entry: an alarm that comes and goes, a statement that the clock approves, which says so.
//
//	By(ctx, who) ── Note(ctx, what) ──▶ a writing step of the store ──▶ Entry
package audit
