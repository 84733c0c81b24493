// Package xlsx writes a document as a workbook: a sheet with what is said once, and one for each table, with typed cells, a
// head that stays in sight and totals that are formulas. Texts are texts: none is ever a formula.
package xlsx
