package api

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// What surfaces are told by the running program, each of which names in an interface of its own what it asks of it.

// Finding is what a test of a connection found.
type Finding struct {
	Product, Version, Revision string
	ServerName, InstallationID string
	License                    usage.License
	Fingerprint                string   // SHA-256 of the certificate; also of one that is not trusted, which is why it Failed
	Failed                     *Failure // why there is nothing of the rest; nil: it was logged in
	Hints                      []string
}

// Failure is why a server could not be logged in to.
type Failure struct {
	Reason usage.GapReason
	Text   string // what is wrong, in words, and what to do
}

// Reading is what became of one reading.
type Reading struct {
	Server usage.ServerID
	Name   string
	OK     bool
	Entry  usage.Position // 0: nothing was appended
	Text   string
	Gap    *usage.Gap // why there is no snapshot
}

// Scheduled is a server's place in the schedule.
type Scheduled struct {
	Server   usage.ServerID
	Name     string
	Interval time.Duration
	Reading  bool // it is being read now
	Next     time.Time
	LastAt   *time.Time
	Failures int
	Last     string // what became of the last attempt
}

// SigningKey is a key that statements are signed with.
type SigningKey struct {
	Fingerprint string // SHA-256 of the public key in hex digits, to be handed out in another way than the bundles
	Signs       bool   // it signs now; else it did
}

// File is a file by its name.
type File struct {
	Name, MediaType string
	Data            []byte
}
