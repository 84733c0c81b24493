// Package vbr reads Veeam Backup & Replication servers, 12.3 and newer, over
// their own REST API.
//
//	session (token, revision) ──▶ client (one method per allowed call) ──▶ wire bodies
//	     ──▶ material ──normalize──▶ usage.Snapshot
//
// It is read-only by construction: the client has a method for each call that
// is needed and no way to send another one. Of POST there are three: log in, log
// out, and the license report. Redirects are not followed and proxy settings of
// the environment are ignored, since the account that reads licenses may delete
// backups. Requests go to one server one at a time.
//
// What the vendor's API does not say is marked as inference where it is used.
package vbr
