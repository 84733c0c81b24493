// Package testkit holds what tests of several packages share: a clock that a
// test sets. Only _test.go files import it.
package testkit
