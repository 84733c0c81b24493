package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a main
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: yamltojson IN OUT")
	}
	text, err := os.ReadFile(args[0]) //nolint:gosec // who runs it names the files
	if err != nil {
		return err
	}
	out, err := Convert(text)
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], out, 0o644) //nolint:gosec // a part of the source, named by who runs it
}

// Convert gives the JSON form of a YAML text.
func Convert(text []byte) ([]byte, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(value)
	return b.Bytes(), err
}
