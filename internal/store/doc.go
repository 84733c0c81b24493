// Package store is the socket for storage engines: the ports of ring 2 added
// up, and what every engine promises. storetest is the kit that proves it.
//
// An engine promises: every method is one transaction, durable when it returns;
// positions and recordedAt strictly increase; times come back in UTC
// microseconds; names compare without regard to case and ids by their bytes;
// lists come in the order that the port names; a cancelled context leaves
// nothing half done; a method after Close is an Unavailable fault; every other
// driver error is a fault by its code.
package store
