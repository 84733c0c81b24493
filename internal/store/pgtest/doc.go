// Package pgtest gives tests an empty PostgreSQL database of their own, on the
// server that scripts/with-postgres starts. Without one a test is skipped, and
// fails where REQUIRE_POSTGRES=1. Only _test.go files import it.
package pgtest
