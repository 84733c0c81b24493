// Package v1 is our own API: everything that commands can do, over HTTPS.
//
//	request ──▶ frame ──▶ call: who asks, what of whom, which options ──▶ services of ring 2 ──▶ one object, or rows
//	                                                                                                │
//	   JSON, NDJSON or CSV, with ETag and cursor; a problem (RFC 9457) where it is refused ◀────────┘
//
// openapi.yaml is the contract: paths, operations and their options are read from it, and each operation has its endpoint under its
// name in routes.go. Every answer of the tests is held against it. A caller sees its own company alone where its role or its token is
// a company's: what is anybody else's is not there.
package v1
