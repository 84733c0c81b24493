// Package fleet knows the companies and the servers that are read for them:
// who they are, how a server is reached, and which of their attributes can move
// a figure, and which catalogue counts, with a provider's own rows in it. Those
// are dated facts of the ledger (C38); the rest is plain administration. Beside
// that it keeps what was found on a server last, its repositories and jobs: no
// figure rests on them.
package fleet
