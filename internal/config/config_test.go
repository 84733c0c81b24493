package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

type sample struct {
	Config string
	Data   string `default:"somewhere"`
	Every  time.Duration
	Kind   string `enum:"a,b" default:"a"`
	Run    struct {
		Listen string `default:":1281"`
		Port   int
	} `cmd:""`
	Edit struct {
		Name *string
		Port *int
	} `cmd:""`
}

func parse(t *testing.T, file string, args ...string) (*sample, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "t.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err := Load(path)
	if err != nil {
		return nil, err
	}
	var cli sample
	parser, err := kong.New(&cli, Settings("run"), kong.Resolvers(source), kong.Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Validate(parser.Model); err != nil {
		return nil, err
	}
	if len(args) == 0 || args[0] != "edit" {
		args = append([]string{"run"}, args...)
	}
	_, err = parser.Parse(args)
	return &cli, err
}

// Precedence is flag, environment, file, default (product.md §1).
func TestPrecedence(t *testing.T) {
	file := "listen = \"from-file\"\ndata = \"file-data\"\nevery = \"90s\"\nport = 7\n"
	for _, c := range []struct {
		name, env, want string
		args            []string
	}{
		{"file", "", "from-file", nil},
		{"environment", "from-env", "from-env", nil},
		{"flag", "from-env", "from-flag", []string{"--listen", "from-flag"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("TALLYSTICK_LISTEN", c.env)
			}
			got, err := parse(t, file, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got.Run.Listen != c.want || got.Data != "file-data" || got.Every != 90*time.Second || got.Run.Port != 7 {
				t.Errorf("got %+v", got)
			}
		})
	}
	got, err := parse(t, "")
	if err != nil || got.Run.Listen != ":1281" || got.Data != "somewhere" {
		t.Errorf("defaults: %+v, %v", got, err)
	}
}

// All mistakes are reported at once (product.md §1).
func TestAllMistakesAtOnce(t *testing.T) {
	t.Setenv("TALLYSTICK_PORT", "many")
	_, err := parse(t, "lisen = 1\nevery = \"often\"\nkind = \"c\"\n[data]\nx = 1\n")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"lisen", "every", "kind", "data", "TALLYSTICK_PORT", "a, b"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
}

// What a command changes comes from its command line alone, also where a setting has the same name (decision 0033).
func TestChangesAreNoSettings(t *testing.T) {
	t.Setenv("TALLYSTICK_NAME", "Oops")
	t.Setenv("TALLYSTICK_PORT", "9")
	for _, file := range []string{"", "port = 7\n"} {
		got, err := parse(t, file, "edit")
		if err != nil || got.Edit.Name != nil || got.Edit.Port != nil {
			t.Errorf("file %q: %+v, %v", file, got, err)
		}
	}
	if _, err := parse(t, "name = \"Oops\"\n", "edit"); err == nil || !strings.Contains(err.Error(), "name: is not a setting: --name is given to its command only") {
		t.Errorf("a key of the file that is no setting: %v", err)
	}
}

func TestBrokenFile(t *testing.T) {
	if _, err := parse(t, "listen = \"x\"\nport = = 1\n"); err == nil || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("the line is not named: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent.toml")); err == nil {
		t.Error("a missing file passed")
	}
}
