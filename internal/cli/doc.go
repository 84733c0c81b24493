// Package cli is the command line: one file per noun. It turns arguments into
// calls of app and answers into text or JSON. It decides nothing.
//
// Results go to standard output, messages to standard error. Exit codes: 0
// done, 1 failed, 2 usage (product.md §1).
package cli
