// Package api is the frame around every HTTP surface.
//
//	request ──▶ route table ──▶ token ──▶ surface's gate ──▶ body limit ──▶ endpoint
//	                                                                           │
//	response ◀── headers, log ◀── Encode of the surface, or Fail for an error ◀┘
//
// A surface is data and functions: its routes, how it writes a value, how it
// writes an error. It never touches a ResponseWriter. Subfolders are surfaces;
// apitest is the kit that proves that a surface fits.
//
// Literal segments of a path are matched without regard to case and a trailing
// slash is tolerated (rest-v2.md §8); ids are handed on as they came.
package api
