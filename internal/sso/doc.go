// Package sso signs people in at a provider of identities, by OpenID Connect.
//
//	browser ──▶ Begin ──▶ the provider's page ──▶ Finish ──▶ access.SignInAs
//	              │                                 ▲
//	              └── what is kept, sealed, in the ──┘
//	                  browser's cookie: ten minutes
//
// It is the authorization code flow with PKCE (S256), a state and a nonce. A provider
// says who somebody is; who may sign in here, and as whom, is decided in access.
// Nothing is asked of a provider before somebody wants to sign in there: one that
// does not answer keeps nobody else out, and is asked again the next time.
package sso
