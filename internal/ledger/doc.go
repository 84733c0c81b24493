// Package ledger is the append-only memory: snapshots, gaps, corrections and
// dated facts, each with a position and a recordedAt (counting.md §1, §9).
//
// Entries are never edited. Appending is idempotent: the same server, takenAt
// and content is one entry; other content is a Conflict and loses nothing (C44).
// An answer is a function of T and of the entries before a cutoff (C42). How
// entries lie on disk is the engine's affair: nothing here says.
package ledger
