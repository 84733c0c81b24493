package ledger

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Head is the end of the ledger. A cutoff of Head.Position+1 sees everything.
type Head struct {
	Position   usage.Position // of the last entry; 0 when empty
	RecordedAt time.Time      // of the last entry; zero when empty
	// Version changes with every committed change of anything but log-ins, also by another process; for cache checks.
	Version int64
	// Fleet changes with every change of a company's or server's row: their names are part of answers.
	Fleet int64
}

// Changes says whose answers for now may have changed.
type Changes struct {
	Head      Head // what the changes lead to: the next question's since
	All       bool
	Companies []usage.CompanyID // with All: nil
}

// Receipt says where an entry lies.
type Receipt struct {
	Position   usage.Position
	RecordedAt time.Time
	Duplicate  bool // the entry was there already; nothing was written
}

// Correction revokes the entry at Entry from its own recordedAt on (C44).
type Correction struct {
	Entry  usage.Position
	Reason string
	Actor  string
}

// Store is what the ledger needs of an engine. Every method is one transaction;
// AppendX methods return only when the entry is durable.
type Store interface {
	// AppendSnapshot appends a normalized snapshot of a server. Duplicate and Conflict by C44, among
	// entries in force. recordedAt is now, or later when the clock went back: it strictly increases.
	AppendSnapshot(ctx context.Context, server usage.ServerID, s *usage.Snapshot, now time.Time) (Receipt, error)
	// AppendGap appends a gap; the same server, instant and reason is a duplicate.
	AppendGap(ctx context.Context, server usage.ServerID, g usage.Gap, now time.Time) (Receipt, error)
	// AppendCorrection revokes a snapshot or gap. Revoking a correction, a fact or a revoked entry is Invalid or Conflict.
	AppendCorrection(ctx context.Context, c Correction, now time.Time) (Receipt, error)
	// Facts gives what the company's tally of product at T rests on, among the entries before the cutoff
	// (positions < before): attribution, removal, domains, authority, intervals and policy as valid at T (C38),
	// S and its list per server (C27), the evidence (C9, C10), clones (C34), how each was read since the beginning of T's
	// month (C32), and until when they are the same: at most until that month is over.
	Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, error)
	// Head gives the end of the ledger; cheap.
	Head(ctx context.Context) (Head, error)
	// Changes gives the companies whose answers for now, or what stands beside them, may differ from those at an earlier
	// head, of whatever product: it may name too many and must never name too few. The zero head: All. What time alone
	// changes is not in it (Facts.Next). Cheap where nothing changed.
	Changes(ctx context.Context, since Head) (Changes, error)
	// PositionAt gives the position of the first entry with recordedAt >= t, or one past the end (C42).
	PositionAt(ctx context.Context, t time.Time) (usage.Position, error)
	// Readings gives what is known of the readings of the named servers (none named: of all) that are not removed, by server.
	Readings(ctx context.Context, only ...usage.ServerID) ([]ServerReadings, error)
	// Attempted gives, by their numbers, the servers of which readings or gaps were appended or revoked behind a position.
	// all: so many were that nobody is told apart. Cheap where little was.
	Attempted(ctx context.Context, after usage.Position) (servers []usage.ServerID, all bool, err error)
}

// ServerReadings is the recent past of one server's readings, among entries in force.
type ServerReadings struct {
	Server usage.ServerID
	// Last is the head of the latest snapshot by takenAt (Workloads nil, even where a list was read), nil before the first.
	Last *usage.Snapshot
	// LastListed is the number of workloads in the latest list; -1 when there never was one.
	LastListed int
	// LastTenants are the distinct tenants that the latest list names; "" stands for workloads without one.
	LastTenants []string
	// PreviousInstallationID is that of the snapshot before Last; empty when there is none (C9 epoch alarm).
	PreviousInstallationID string
	// LastCounted reports whether Last carries counters (C26).
	LastCounted bool
	// PartialSince is the instant of the first GapPartial after Last; nil when there is none (C26).
	PartialSince *time.Time
	// Gap is the latest gap that lies after Last; nil when the last reading succeeded.
	Gap *usage.Gap
	// Gaps is how many lie after Last.
	Gaps int
}
