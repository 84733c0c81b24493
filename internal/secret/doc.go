// Package secret seals the passwords of the servers that we read: AES-256-GCM
// with a key from a file outside the database, mode 0600 (product.md §5). A
// sealed password is bound to its server: it cannot be opened for another one.
package secret
