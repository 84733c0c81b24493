// Command tallystick is the whole product in one binary; internal/cli is its command line.
package main

import (
	"context"
	"os"

	"github.com/tallystick/tallystick/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
