//go:build !unix

package app

// lockDir does nothing where the system has no advisory locks of this kind: two
// consoles on one data directory read every server twice, and lose nothing.
func lockDir(_, _ string) (unlock func(), err error) { return func() {}, nil }

// lockedBy cannot tell.
func lockedBy(string) string { return "" }
