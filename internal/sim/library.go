package sim

import (
	"embed"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

//go:embed scenarios/*.toml
var files embed.FS

// Examples lists the scenario files that come with the program, by name.
func Examples() []string {
	entries, err := files.ReadDir("scenarios")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".toml")
	}
	return names
}

// Example gives the text of a scenario file that comes with the program, such as "first-light"; NotFound for another name.
func Example(name string) ([]byte, error) {
	data, err := files.ReadFile("scenarios/" + name + ".toml")
	if err != nil {
		return nil, fault.Wrap(err, fault.NotFound, "there is no example scenario %q; there are: %s", clip(name), strings.Join(Examples(), ", "))
	}
	return data, nil
}
