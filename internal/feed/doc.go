// Package feed is what changed beside the ledger, in the order in which it was committed: alarms and statements.
//
//	an alarm's status or message, a statement's revision ──▶ one row, in the transaction of the change ──▶ who follows (api/native/v1)
//
// Rows are numbered from 1, and no number is given twice. The ledger's own entries are in none of them: they are a sequence already,
// which ledger.History.Logged tells.
package feed
