package main

import (
	"context"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	loadSeconds  = 2.0
	fixedRate    = 2000 // requests a second
	busyAppends  = 100  // readings a second
	usageShare   = 0.85
	usageP99     = 1.5
	busyShare    = 0.7
	memoryMaxMB  = 300
	firstCompany = int(usage.FirstCompany)
)

// fleetWorld fills the data set Fleet, once.
func (b *bench) fleetWorld(ctx context.Context) (*world, error) {
	if b.fleet != nil {
		return b.fleet, nil
	}
	set := fleetSet(b.options.scale)
	b.say("filling %s: %s workloads on %s servers", set.Name, count(float64(set.workloads())), count(float64(set.Servers)))
	w, err := fill(ctx, b.path("fleet"), set)
	if err == nil {
		b.say("filled in %s: %s bytes", w.took.Round(1e9), count(float64(w.bytes)))
	}
	b.fleet = w
	return w, err
}

// fleetServer serves the data set Fleet with the program under test; every company was asked for once.
func (b *bench) fleetServer(ctx context.Context) (*console, error) {
	if b.server != nil {
		return b.server, nil
	}
	w, err := b.fleetWorld(ctx)
	if err != nil {
		return nil, err
	}
	c, err := b.serve(ctx, w.dir)
	if err != nil {
		return nil, err
	}
	if err := c.logIn(ctx); err != nil {
		return nil, err
	}
	b.server = c
	return c, b.warm(ctx, c.address, c.pid(), w.set)
}

// warm asks for every company once and waits until the server rests.
func (b *bench) warm(ctx context.Context, at address, pid int, set dataSet) error {
	c := console{address: at}
	for i := range set.Companies {
		if _, _, err := c.get(ctx, usageOf(usage.FirstCompany+usage.CompanyID(i))); err != nil {
			return err
		}
	}
	return settle(ctx, pid)
}

// asker measures with one order; it gives what pairs compares.
type asker struct {
	client *child
	order  loadOrder
	spent  []float64 // processor time of the server per request, µs
	pid    int
}

func (a *asker) throughput() (float64, error) {
	before := cpu(a.pid)
	a.order.Rate, a.order.Seconds = 0, loadSeconds
	result, err := ask[loadResult](a.client, a.order)
	if err == nil && result.Requests > 0 {
		a.spent = append(a.spent, (cpu(a.pid)-before).Seconds()*1e6/float64(result.Requests))
	}
	return result.PerSecond, err
}

func (a *asker) p99() (float64, error) {
	a.order.Rate, a.order.Seconds = fixedRate, loadSeconds
	result, err := ask[loadResult](a.client, a.order)
	return result.P99, err
}

func usageOrder(at address, set dataSet) loadOrder {
	return loadOrder{Address: at.Address, Token: at.Token, Path: usagePath, First: firstCompany, Count: set.Companies}
}

// https compares the usage answer with a constant body behind the same TLS and token check.
func (b *bench) https(ctx context.Context) ([]row, error) {
	server, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	ceiling, err := b.constantServer(ctx, server)
	if err != nil {
		return nil, err
	}
	client, err := b.part(ctx, "load-client")
	if err != nil {
		return nil, err
	}
	defer client.stop()
	figure := &asker{client: client, order: usageOrder(server.address, b.fleet.set), pid: server.pid()}
	constant := &asker{client: client, order: loadOrder{Address: ceiling.Address, Token: ceiling.Token, Path: constantPath}, pid: ceiling.pid()}
	defer ceiling.stop()
	f, c, ratio, err := pairs(figure.throughput, constant.throughput)
	if err != nil {
		return nil, err
	}
	throughput := row{
		what:    "usage over HTTPS, Fleet, random company, 64 connections",
		figure:  fmt.Sprintf("%s/s (%.0f µs of the server's CPU each)", count(f), median(figure.spent)),
		ceiling: fmt.Sprintf("constant body %s/s (%.0f µs)", count(c), median(constant.spent)),
		ratio:   fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.2f", usageShare), holds: holds(ratio >= usageShare),
	}
	f, c, ratio, err = pairs(figure.p99, constant.p99)
	return []row{throughput, {
		what:   "the same at 2,000/s, p99 from the intended time of sending",
		figure: fmt.Sprintf("%.2f ms", f), ceiling: fmt.Sprintf("constant body %.2f ms", c),
		ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≤ %.1f", usageP99), holds: holds(ratio <= usageP99),
	}}, err
}

// constantServer starts the ceiling with a body that the figure gives, too.
func (b *bench) constantServer(ctx context.Context, like *console) (*console, error) {
	kind, body, err := like.get(ctx, usageOf(usage.FirstCompany))
	if err != nil {
		return nil, err
	}
	c, err := b.part(ctx, "constant-server")
	if err != nil {
		return nil, err
	}
	at, err := ask[address](c, constantOrder{b.path("constant"), kind, body})
	return &console{c, at}, err
}

// busy compares a console that appends with itself at rest.
func (b *bench) busy(ctx context.Context) ([]row, error) {
	server, order, err := b.appendingServer(ctx)
	if err != nil {
		return nil, err
	}
	c := server.child
	defer c.stop()
	if err := b.warm(ctx, server.address, c.pid(), order.Set); err != nil {
		return nil, err
	}
	client, err := b.part(ctx, "load-client")
	if err != nil {
		return nil, err
	}
	defer client.stop()
	a := &asker{client: client, order: usageOrder(server.address, order.Set), pid: c.pid()}
	var appended []float64
	at := func(rate int) func() (float64, error) {
		return func() (float64, error) {
			order.Appends = rate
			before, err := ask[consoleAnswer](c, order)
			if err != nil {
				return 0, err
			}
			got, err := a.throughput()
			if err != nil {
				return 0, err
			}
			order.Appends = 0
			after, err := ask[consoleAnswer](c, order)
			if rate > 0 {
				appended = append(appended, float64(after.Appended-before.Appended)/loadSeconds)
			}
			return got, err
		}
	}
	f, idle, ratio, err := pairs(at(busyAppends), at(0))
	if err != nil {
		return nil, err
	}
	return []row{{
		what:    "usage over HTTPS while 100 readings/s of 50 workloads are appended, Fleet",
		figure:  fmt.Sprintf("%s/s (%.0f readings/s appended)", count(f), median(appended)),
		ceiling: fmt.Sprintf("at rest %s/s", count(idle)),
		ratio:   fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", busyShare),
		holds: holds(ratio >= busyShare && median(appended) > 0.95*busyAppends),
	}}, nil
}

// appendingServer serves the data set Fleet by one of our parts, which appends as it is ordered to.
func (b *bench) appendingServer(ctx context.Context) (*console, *consoleOrder, error) {
	w, err := b.fleetWorld(ctx)
	if err != nil {
		return nil, nil, err
	}
	b.stopServer() // one console to a data directory
	c, err := b.part(ctx, "console")
	if err != nil {
		return nil, nil, err
	}
	order := &consoleOrder{Dir: w.dir, Set: w.set}
	started, err := ask[consoleAnswer](c, order)
	if err != nil {
		return nil, nil, err
	}
	server := &console{c, started.address}
	err = server.logIn(ctx)
	return server, order, err
}

func (b *bench) stopServer() {
	if b.server != nil {
		b.server.stop()
		b.server = nil
	}
}

// memory is what a console with the data set Fleet holds after every company was asked for.
func (b *bench) memory(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	now, peak := memoryMB(c.pid())
	return []row{{
		what: "resident memory of serve, Fleet, every company asked for", figure: fmt.Sprintf("%.0f MB (peak %.0f MB)", now, peak),
		bar: fmt.Sprintf("≤ %d MB", memoryMaxMB), holds: holds(now <= memoryMaxMB),
	}}, nil
}
