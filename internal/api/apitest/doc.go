// Package apitest is the kit that proves that a surface fits the frame of
// package api: every route wants a token unless it is public, answers in a
// content type of the surface, says 405 with Allow, tolerates letter case and a
// trailing slash, and takes junk in paths, queries and bodies without a 500.
package apitest
