// Package once lets a caller repeat a write without its being done twice: the caller names the write by a key, and the key
// is kept in the same transaction as the change.
//
//	With(ctx, request) ──▶ the next writing step of a store: key and change, or neither
//	                  └──▶ the key is there already: IsTaken, before anything is written
//	Remember(answer) ────▶ Recall: the same request again is answered as it was
//
// Where the program ends between the change and Remember, Recall tells that the write was done, without its answer. A
// write that fails leaves no key. Of several writing steps in one request the first takes the key: what is done later than
// that is not kept from being done twice, nor promised to be done at all.
package once
