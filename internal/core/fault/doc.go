// Package fault is the one error type that crosses package borders.
//
// A fault has a code, which decides what a caller does with it, and a message,
// which is safe to show to that caller. Its cause is for the log and is never
// shown. Engines turn driver errors into faults, surfaces turn faults into
// their envelope; whatever is not a fault is Internal.
package fault
