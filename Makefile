# Everything that a person or a machine does with this tree. `make` lists it.

GO        ?= go
TESTFLAGS ?=
BENCH     ?= .
FUZZTIME  ?= 30s
DEMOFLAGS ?=
BENCHFLAGS ?=

# The SQLite library is C that was translated to Go, with memory of its own: the race detector finds nothing of ours in it, and
# triples what tests of the store take.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# A test that hangs is a defect: with the race detector the longest package takes eight minutes on two cores.
TIMEOUT := 20m

.DEFAULT_GOAL := help
.PHONY: help demo build test check check-long check-browser screenshots lint bench microbench fuzz generate need-go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: bin/tallystick ## simulated backup servers, companies and a running console, in one command (DEMOFLAGS=--check ends by itself)
	@exec bin/tallystick demo $(DEMOFLAGS)

build: bin/tallystick ## the program, as bin/tallystick

# Always asked of go, which knows what changed. No C compiler is needed.
.PHONY: bin/tallystick
bin/tallystick: need-go
	@echo "Building bin/tallystick (the first time takes a minute or two)." >&2
	@CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/tallystick

test: need-go ## all tests, quickly (no race detector, no C compiler)
	@CGO_ENABLED=0 scripts/with-postgres $(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./...

check: need-go ## build, vet, formatting, imports against ARCHITECTURE.md, all tests with the race detector
	@scripts/need-cc
	$(GO) build ./...
	$(GO) vet ./...
	@scripts/formatted
	CGO_ENABLED=1 scripts/with-postgres $(GO) test $(RACE) -timeout $(TIMEOUT) $(TESTFLAGS) ./...

check-long: need-go ## a million random ledgers against the naive second implementation (an hour)
	CGO_ENABLED=0 $(GO) test -timeout 3h -count 1 -run '^TestOracleAgrees$$' ./internal/core/metering -rapid.checks 250000

check-browser: bin/tallystick ## the portal in Debian's Chromium (installed when missing): every page, and journeys of people
	@scripts/browser

screenshots: bin/tallystick ## pictures of every page, light, dark, on a phone and on paper, into bin/screenshots; those of the documents into docs/screenshots
	@scripts/browser screenshots.mjs

lint: need-go ## golangci-lint (installed into .bin/ when missing), redocly, and promtool where it is installed
	@scripts/promtool
	@scripts/openapi-lint
	@scripts/golangci-lint run

bench: bin/tallystick ## what is promised of speed and size, beside ceilings of the same run (BENCHFLAGS='-quick -run https')
	@scripts/bench $(BENCHFLAGS)

microbench: need-go ## Go's benchmarks of single functions, with the machine that they ran on (BENCH=regexp)
	@scripts/microbench '$(BENCH)'

fuzz: need-go ## every fuzz target for FUZZTIME (30s) each, or those that match FUZZ
	@scripts/fuzz '$(FUZZTIME)' '$(FUZZ)'

generate: need-go ## what is made of other files: openapi.json
	$(GO) generate ./...

need-go:
	@scripts/need-go
