// Package plan keeps subscription plans: what a provider asks for its services, in exact decimals, and which company has
// which. Nothing here is counted and no invoice is made; billing programs read it, over API v2 among others.
package plan
