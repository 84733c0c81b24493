// Package roster takes companies and servers from CSV files: what a provider keeps in a spreadsheet or another program
// becomes what is in the ledger's directory, row by row.
//
// A file is taken all or not at all. Every mistake is told at once, by its line and column; a dry run tells what would be
// done. A file says how things are to be, so that taking it again changes nothing: a row whose company or server is there
// changes it, only in the columns that the file has. Passwords are never in a file; servers name a credential set.
//
//	CSV → sheet (lines, columns) → drafts (package fleet) → one step of the store
package roster
