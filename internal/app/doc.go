// Package app wires everything together and owns the life cycle: Open gives the
// services over one store, Prepare and Run a running console. It is the only
// package that names plugs, in plugs.go.
package app
