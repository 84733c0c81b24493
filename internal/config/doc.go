// Package config reads configuration: an optional TOML file whose keys are the
// names of the flags that are settings, and environment variables
// TALLYSTICK_<FLAG> of the same flags (decision 0033). Precedence:
// flag, environment, file, default (product.md §1). Every mistake in file and
// environment is reported at once, before anything runs.
package config
