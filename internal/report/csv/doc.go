// Package csv writes the main table of a document as CSV (RFC 4180, UTF-8): one head, one row for each line, no totals, so that
// any program can read it. Texts that a spreadsheet would take for a formula get an apostrophe before them.
package csv
