// Package secret seals the passwords of the servers that we read: AES-256-GCM
// with a key from a file outside the database, mode 0600 (product.md §5). A
// sealed password is bound to its server or its credential set: it cannot be
// opened for another one.
//
//	sealed:   version (1) | key id (8) | nonce (12) | ciphertext | tag (16)
//	key file: "tallystick-key/v1 " | 32 random bytes in base64 | line feed
//
// The key id is derived from the key and tells "another key file" apart from
// "somebody changed the database". It and the number of what it is for are authenticated
// with the text. A key file is never changed: losing it loses every password
// that it sealed, so it is backed up, and not beside the database.
//
// It also keeps the keys that statements are signed with (signing.go), in files
// under the same guard.
package secret
