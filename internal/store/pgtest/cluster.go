package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	programsVariable = "TALLYSTICK_TEST_POSTGRES_BIN"
	asVariable       = "TALLYSTICK_TEST_POSTGRES_AS"
)

// Cluster is a server of one test's own, to be stopped and started.
type Cluster struct {
	t    testing.TB
	home string
}

// NewCluster makes a server and starts it; it goes away when the test ends. It skips or fails as Server does.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	Server(t)
	if os.Getenv(programsVariable) == "" {
		if os.Getenv(requireVariable) == "1" {
			t.Fatalf("%s is not set, and %s=1: run the tests through scripts/with-postgres", programsVariable, requireVariable)
		}
		t.Skipf("%s is not set: scripts/with-postgres sets it", programsVariable)
	}
	c := &Cluster{t: t}
	c.home = strings.TrimSpace(c.run("mktemp", "-d", "/tmp/tallystick-pg.XXXXXX")) // a socket's path must be short
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(c.home, "data", "postmaster.pid")); err == nil {
			c.Crash()
		}
		if err := os.RemoveAll(c.home); err != nil {
			t.Error(err)
		}
	})
	c.run(program("initdb"), "-D", c.data(), "-U", "tallystick", "-A", "trust", "-E", "UTF8", "--locale=C")
	c.Start()
	return c
}

// URL gives the server's own database.
func (c *Cluster) URL() string { return "postgres://tallystick@/postgres?host=" + c.home }

// Start starts the server and waits until it answers; after a crash it recovers first.
func (c *Cluster) Start() {
	c.t.Helper()
	c.run(program("pg_ctl"), "-D", c.data(), "-l", filepath.Join(c.home, "log"), "-w", "-t", "60",
		"-o", "-c listen_addresses='' -c unix_socket_directories='"+c.home+"'", "start")
}

// Crash ends the server at once, as when its machine loses power but for what its disk promised to keep.
func (c *Cluster) Crash() {
	c.t.Helper()
	c.run(program("pg_ctl"), "-D", c.data(), "-m", "immediate", "-w", "-t", "60", "stop")
}

// Pause stops all processes of the server where they stand, as a machine does that swaps or whose storage hangs: its
// connections stay open and say nothing. The end of the test resumes them.
func (c *Cluster) Pause() (resume func()) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		c.t.Skipf("the server's number cannot be read: %v", err)
	}
	postmaster, _, _ := strings.Cut(string(text), "\n")
	c.run("kill", "-STOP", postmaster) // first, so that it begins no more of them
	pids := append(strings.Fields(c.run("pgrep", "-P", postmaster)), postmaster)
	c.run(append([]string{"kill", "-STOP"}, pids...)...)
	once := sync.OnceFunc(func() { c.run(append([]string{"kill", "-CONT"}, pids...)...) })
	c.t.Cleanup(once)
	return once
}

func (c *Cluster) data() string { return filepath.Join(c.home, "data") }

func program(name string) string { return filepath.Join(os.Getenv(programsVariable), name) }

// run runs a command as the user who may run a server, and gives what it printed. A server that it starts must not
// hold what it prints to, so that goes to a file.
func (c *Cluster) run(words ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), 2*time.Minute)
	defer cancel()
	words = append(strings.Fields(os.Getenv(asVariable)), words...)
	out, err := os.CreateTemp(c.t.TempDir(), "out")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	command := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the words that scripts/with-postgres gave
	command.Dir, command.Stdout, command.Stderr = "/", out, out
	failed := command.Run()
	text, err := os.ReadFile(out.Name())
	if failed != nil || err != nil {
		c.t.Fatalf("%v: %v, %v\n%s", words, failed, err, text)
	}
	return string(text)
}
