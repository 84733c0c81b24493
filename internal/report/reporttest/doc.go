// Package reporttest is the kit of report formats: it proves that a format writes what a document says, all of it, marks what is
// not final, and takes what people and tenants may call their machines.
package reporttest
