// Package figure asks the ledger what people and programs ask it: a figure, how it became, how it moved, where the vendor's own
// differs, which workload is behind it; and says the answers in the one JSON form in which commands and our own API give them.
// It counts nothing and decides nothing.
package figure
