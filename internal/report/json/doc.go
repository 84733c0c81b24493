// Package json writes a document as JSON of the schema tallystick.report/v1: all its tables, decimals as strings. Its form is
// told in docs/reports.md, and does not change within the schema but for what is added.
package json
