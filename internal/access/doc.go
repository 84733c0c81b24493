// Package access decides who may do what: users, roles, sessions and tokens.
//
//	Login ──▶ pair ──Check──▶ Actor ──May──▶ yes or no
//	           │ ▲
//	           └─┘ Refresh: once per refresh token
//
// Passwords are argon2id. Tokens are 256 random bits, given out once and kept
// as SHA-256. An access token lives an hour; a refresh token is used once and
// gives a new pair of the same family; using it again revokes the family
// (rest-v2.md §8). Log-in attempts are limited per account and address. Check
// answers from memory; Forget drops that when another process changed a user.
//
// A user may also sign in at a provider of identities, where an administrator has opened that: the name that the
// provider gives finds the user the first time, its subject from then on (docs/decisions/0045).
//
// API tokens are for programs: long-lived, with an end, shown once, kept as
// SHA-256. A program acts with one as its user, within the token's scopes, and
// what the user may not do the token may not, at each use.
//
// People see a log-in with all that was refreshed from it as one OpenSession,
// and revoke it (docs/decisions/0031). Nothing is written where a token is only
// used; when an API token was, to an hour, is written behind the requests.
package access
