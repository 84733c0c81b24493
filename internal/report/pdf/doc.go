// Package pdf draws a document on paper: A4, the provider's name, logo and colour, tables that go on over pages, columns of detail
// left out. The font is in the file, so that names look the same everywhere (font/LICENSE).
package pdf
