// Package record keeps what a provider writes down and nothing is counted from: quotas, resellers, plans, policies. Each
// is a value of one Go type under a number of its own, kept as JSON; what a value means, its type says.
package record
