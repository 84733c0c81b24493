// Package bundle writes a final statement into one signed file with everything that it was counted from, and checks such a
// file without a ledger, on any machine. The file is a zip archive that any program opens; what an auditor does with it is
// docs/auditor.md.
//
//	Export  statement, ledger ──▶ parts ──▶ SHA256SUMS ──▶ signature ──▶ one file, always the same bytes
//	Verify  form, key, signature, checksums, then: counts the evidence again and compares
//
// There is one way to write a bundle, byte by byte, and nothing else is one: no member of the archive has a time, an extra
// field or a compression, and every part is read back as it is written. Each bundle names the SHA-256 of the company's
// bundle before it, and of the one that it replaces.
package bundle
