// Package explorer is the interactive page of the API documents at /swagger/. It needs no host but the console, and holds
// nothing that a document does not.
package explorer
