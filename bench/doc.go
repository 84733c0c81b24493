// Command bench measures what Tallystick promises about speed and size, each figure beside a ceiling that was measured in
// the same run, and says which of the bars hold. `make bench` runs it; README.md keeps the last figures.
//
//	go run ./bench [-run REGEXP] [-quick] [-curves] [-bin FILE]
//
// Each pair of figures is measured seven times in turn; the table has the medians. Servers and the load client run as
// processes of their own: the program starts itself again with the name of the part (parts.go).
package main
