// Package storetest is the kit that proves that an engine keeps what
// store.Store promises. An engine's test calls Run; a test that the engine does
// not pass is a defect of the engine, never of the kit.
//
// What counts as the right answer of Facts comes from a naive implementation
// over the full history (naive.go), compared on random ledgers.
package storetest
