// Package testkit holds what tests of several packages share: a clock that a
// test sets, waiting for what becomes true, and disks that fill up or fail.
// Only _test.go files import it.
package testkit
