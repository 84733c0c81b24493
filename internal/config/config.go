package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// EnvPrefix begins the environment variable of every setting.
const EnvPrefix = "TALLYSTICK"

// Settings gives an environment variable to each setting: a flag of the whole program, or of one of the commands
// named. No other flag has one, or a key in the file: it says what a command changes, and stands in the command line (decision 0033).
func Settings(commands ...string) kong.Option {
	return kong.PostBuild(func(k *kong.Kong) error {
		nodes := []*kong.Node{k.Model.Node}
		for _, n := range k.Model.Children {
			if slices.Contains(commands, n.Name) {
				nodes = append(nodes, n)
			}
		}
		for _, n := range nodes {
			for _, f := range n.Flags {
				if f.Name != "help" {
					f.Envs = []string{EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}
					f.Tag.Envs = f.Envs
				}
			}
		}
		return nil
	})
}

// isSetting: every setting has an environment variable.
func isSetting(flag *kong.Flag) bool { return len(flag.Envs) > 0 }

// Source is the part of the configuration that is not on the command line.
type Source struct {
	path   string
	values map[string]any // by flag name
}

// Load reads a TOML file; an empty path is an empty source.
func Load(path string) (*Source, error) {
	s := &Source{path: path, values: map[string]any{}}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the configuration file cannot be read: %v", err)
	}
	if err := toml.Unmarshal(data, &s.values); err != nil {
		var where *toml.DecodeError
		if errors.As(err, &where) {
			line, column := where.Position()
			return nil, fault.Wrap(err, fault.Invalid, "%s:%d:%d: %s", path, line, column, where.Error())
		}
		return nil, fault.Wrap(err, fault.Invalid, "%s: %v", path, err)
	}
	return s, nil
}

// Resolve gives kong the file's value of a flag, unless the environment has one: kong alone would let the file win.
func (s *Source) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := s.values[flag.Name]
	ok = ok && isSetting(flag)
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			ok = false
		}
	}
	if !ok {
		return nil, nil //nolint:nilnil // kong's way to say "not configured"
	}
	return value, nil
}

// Validate reports every mistake in file and environment: keys that are no flag, values that do not fit.
func (s *Source) Validate(app *kong.Application) error {
	flags, others := map[string]*kong.Flag{}, map[string]bool{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok && f.Name != "help" && f.Name != "config" {
			if isSetting(f) {
				flags[f.Name] = f
			} else {
				others[f.Name] = true
			}
		}
		return next(nil)
	})
	var fields []fault.Field
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		flag, known := flags[key]
		if !known && others[key] {
			fields = append(fields, fault.Field{Path: s.path + ": " + key, Text: "is not a setting: --" + key + " is given to its command only, each time"})
			continue
		}
		if !known {
			fields = append(fields, fault.Field{Path: s.path + ": " + key, Text: "is not a setting" + near(key, flags)})
			continue
		}
		if err := fits(flag, s.values[key]); err != nil {
			fields = append(fields, fault.Field{Path: s.path + ": " + key, Text: err.Error()})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		for _, env := range flags[name].Envs {
			if text, set := os.LookupEnv(env); set {
				if err := fits(flags[name], text); err != nil {
					fields = append(fields, fault.Field{Path: env, Text: err.Error()})
				}
			}
		}
	}
	return fault.InvalidFields("the configuration has mistakes", fields)
}

// fits tries a value on a copy of the flag's target.
func fits(flag *kong.Flag, value any) error {
	switch value.(type) {
	case map[string]any, []map[string]any:
		return errors.New("is a table; a setting is one value")
	}
	target := reflect.New(flag.Target.Type()).Elem()
	scan := kong.ScanFromTokens(kong.Token{Value: value, Type: kong.FlagValueToken})
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target); err != nil {
		return fmt.Errorf("%v does not fit: %w", value, err)
	}
	if flag.Enum != "" && target.Kind() == reflect.String && !flag.EnumMap()[target.String()] {
		return fmt.Errorf("%v is not one of %s", value, strings.ReplaceAll(flag.Enum, ",", ", "))
	}
	return nil
}

func near(key string, flags map[string]*kong.Flag) string {
	dashed := strings.ReplaceAll(strings.ToLower(key), "_", "-")
	if _, ok := flags[dashed]; ok {
		return fmt.Sprintf("; did you mean %q?", dashed)
	}
	return "; settings have the names of the flags of the whole program and of serve, demo and sim"
}

// DataDir is the platform's data directory: /var/lib/tallystick for root, else the user's.
func DataDir() string {
	if home, err := os.UserHomeDir(); err == nil && (runtime.GOOS != "linux" || os.Getuid() != 0) {
		switch runtime.GOOS {
		case "windows":
			if dir := os.Getenv("ProgramData"); dir != "" {
				return filepath.Join(dir, "Tallystick")
			}
		case "darwin":
			return filepath.Join(home, "Library", "Application Support", "Tallystick")
		}
		if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
			return filepath.Join(dir, "tallystick")
		}
		return filepath.Join(home, ".local", "share", "tallystick")
	}
	return "/var/lib/tallystick"
}
