// Package report is the socket of reports: one document model, and the contract of the formats that write it. Builders turn
// statements into documents; they decide nothing and count nothing: each figure is one of a statement, or a sum of such.
//
//	statements ── builder ──▶ Document ── Format ──▶ a file
//	(of one company, of a month over all, FOCUS)   (csv, json, xlsx, pdf)
//
// What is no final statement says so in every format, and what is missing from a figure is named: it is never a zero.
package report
