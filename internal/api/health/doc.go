// Package health says whether the console lives and is ready: /healthz and /readyz, for whatever starts and watches it.
package health
