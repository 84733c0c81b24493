// Package portal is the web interface at /: pages that a browser shows without a script, and a few small scripts that spare
// people a reload.
//
// A page is a template and a value for it. Endpoints ask the services what API and commands ask, and decide nothing; what
// people read stands in en.toml, and nowhere else. Who is signed in carries a cookie with a token of package access; forms
// of other sites are refused (http.CrossOriginProtection), and no page runs a script that does not come from the console.
package portal
