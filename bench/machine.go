package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// header says when, of what and where was measured.
func header(o settings) string {
	lines := []string{
		"date: " + time.Now().UTC().Format("2006-01-02T15:04Z"),
		"commit: " + said("git", "describe", "--always", "--dirty"),
		"go: " + runtime.Version(),
		fmt.Sprintf("machine: %s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), procLine("/proc/cpuinfo", "model name")),
		"memory: " + procLine("/proc/meminfo", "MemTotal"),
		"load: " + firstLine("/proc/loadavg"),
		"command: go run ./bench " + strings.Join(o.args, " "),
	}
	if o.scale > 1 {
		lines = append(lines, fmt.Sprintf("scale: data sets %d times smaller than the bars are meant for", o.scale))
	}
	return "- " + strings.Join(lines, "\n- ") + "\n\n"
}

func said(name string, args ...string) string {
	out, err := exec.CommandContext(context.Background(), name, args...).Output() //nolint:gosec // fixed commands
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func firstLine(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // of /proc
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// procLine gives the value of a "name: value" line.
func procLine(path, name string) string {
	text, err := os.ReadFile(path) //nolint:gosec // of /proc
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// memoryMB gives a process' resident memory now and at most, in MB.
func memoryMB(pid int) (now, peak float64) {
	read := func(name string) float64 {
		kb, err := strconv.ParseFloat(strings.TrimSuffix(procLine(fmt.Sprintf("/proc/%d/status", pid), name), " kB"), 64)
		if err != nil {
			return 0
		}
		return kb * 1024 / 1e6
	}
	return read("VmRSS"), read("VmHWM")
}

// ticksPerSecond is what the kernel counts a process' time in, whatever its own clock is.
const ticksPerSecond = 100

// cpu gives the processor time that a process has used.
func cpu(pid int) time.Duration {
	line := firstLine(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(line, ") ") // the name before may hold blanks
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] { // user and system time
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
