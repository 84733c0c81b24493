package store

import "context"

// Schema is where a database stands among the migrations that this program knows.
type Schema struct {
	Current, Newest int64    // versions; Current 0: there is nothing yet
	Pending         []string // names of the migrations that opening it would run
	Used            bool     // something was ever put into it
}

// Newer reports whether a newer program wrote it, which this one cannot open.
func (s Schema) Newer() bool { return s.Current > s.Newest }

// Exclusive is for engines that several machines can reach: one console holds it, another gets Conflict.
type Exclusive interface {
	Exclusive(ctx context.Context) (Hold, error)
	// Held reports whether anybody holds it; asking takes nothing.
	Held(ctx context.Context) (bool, error)
}

// Hold is what the one console has of a database. It ends with Release, or with the process, however that ends.
type Hold interface {
	// Keep looks whether it is still there, and takes it anew where it was lost with its connection. Conflict: another
	// console has it by now; any other error: not known, to be asked again.
	Keep(ctx context.Context) error
	Release()
}

// Finding is what an engine found in itself; an empty Problem is none.
type Finding struct {
	Text    string // what was found, in words
	Problem string // what is wrong, in words
}

// Checker is for engines that can look into themselves.
type Checker interface {
	// Check reads everything that the engine can check; an error means that it could not be asked.
	Check(ctx context.Context) (Finding, error)
}

// Size is how much room a database takes, in bytes.
type Size struct {
	Data    int64
	Journal int64 // beside it, of an engine that has its own
}

// Sizer is for engines that know how much room they take; cheap.
type Sizer interface {
	Size(ctx context.Context) (Size, error)
}
