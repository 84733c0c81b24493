// Package config reads configuration: an optional TOML file whose keys are the
// names of the flags, and environment variables TALLYSTICK_<FLAG>. Precedence:
// flag, environment, file, default (product.md §1). Every mistake in file and
// environment is reported at once, before anything runs.
package config
