// Package audit says who changed what: a trail that is written in the same transaction as the change, and only read after.
//
//	By(ctx, who) ── Note(ctx, what) ──▶ a writing step of the store ──▶ Entry
package audit
