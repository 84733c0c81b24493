package cli

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/config"
	"github.com/tallystick/tallystick/internal/demo"
	"github.com/tallystick/tallystick/internal/sim"
)

type demoCmd struct {
	Listen    string  `help:"Address to listen on." default:"127.0.0.1:1281" placeholder:"ADDR"`
	Companies int     `help:"How many companies." default:"5"`
	Months    int     `help:"Calendar months of history, the present one included." default:"3"`
	Seed      int64   `help:"Fleets follow from it: the same seed and time give the same figures." default:"1"`
	Now       *string `help:"The demo's present; default the machine's clock." placeholder:"TIME"`
	Check     bool    `help:"Run the printed line, compare company 2 with the reference example, end with 0 or 1."`
	Verbose   bool    `help:"Log everything."`
}

// Run keeps nothing unless --data names a directory.
func (c *demoCmd) Run(e *env) error {
	now, err := instant("--now", c.Now)
	if err != nil {
		return err
	}
	if err := e.canListen(c.Listen); err != nil {
		return err
	}
	dir := e.data
	if dir == config.DataDir() {
		dir = ""
	}
	return demo.Run(e.ctx, demo.Options{
		Listen: c.Listen, Companies: c.Companies, Months: c.Months, Seed: c.Seed, Now: now, DataDir: dir,
		Check: c.Check, Stdout: e.stdout, Stderr: e.stderr, Log: logger(e.stderr, levelOf(c.Verbose)),
	})
}

type simCmd struct {
	Listen   string `help:"Address of the first server; the others count its port up." default:"127.0.0.1:9419" placeholder:"ADDR"`
	Scenario string `help:"Scenario file (TOML; docs/scenario.md describes it), or the built-in first-light." required:"" placeholder:"FILE"`
	Verbose  bool   `help:"Log every request."`
}

func (c *simCmd) Run(e *env) error {
	if err := e.canListen(c.Listen); err != nil {
		return err
	}
	text, err := c.text()
	if err != nil {
		return &usageError{err}
	}
	scenario, err := sim.Parse(text)
	if err != nil {
		return err
	}
	fleet, err := sim.Start(e.ctx, sim.Options{Scenario: scenario, Listen: c.Listen, Log: logger(e.stderr, levelOf(c.Verbose))})
	if err != nil {
		return err
	}
	if err := e.printSim(fleet); err != nil {
		return err
	}
	<-e.ctx.Done()
	return fleet.Close()
}

// text reads the scenario: a file, or else one of the built-in examples.
func (c *simCmd) text() ([]byte, error) {
	text, err := os.ReadFile(c.Scenario)
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(sim.Examples(), c.Scenario) {
		return sim.Example(c.Scenario)
	}
	return text, err
}

// printSim says how each simulated server is reached, and the line that adds it.
func (e *env) printSim(fleet *sim.Fleet) error {
	servers := fleet.Servers()
	if e.json {
		type serverJSON struct {
			Name           string `json:"name"`
			URL            string `json:"url"`
			Username       string `json:"username"`
			Password       string `json:"password"`
			Fingerprint    string `json:"fingerprint"`
			InstallationID string `json:"installationId"`
		}
		list := make([]serverJSON, len(servers))
		for i, s := range servers {
			list[i] = serverJSON{s.Name, s.URL, s.Username, s.Password, s.Fingerprint, s.InstallationID}
		}
		return e.printJSON(list)
	}
	rows := make([][]string, len(servers))
	for i, s := range servers {
		rows[i] = []string{s.Name, s.URL, s.Username, s.Password, s.Fingerprint}
	}
	if err := e.table("SERVER|URL|USERNAME|PASSWORD|CERTIFICATE SHA-256", rows); err != nil {
		return err
	}
	e.say("Simulated time is %s. Add one to a console:\n  echo '%s' | tallystick server add --company 2 --name %s --url %s --username '%s' --password-stdin --fingerprint %s\nEnd with Ctrl-C.",
		fleet.Clock().Now().UTC().Format(time.RFC3339), servers[0].Password, servers[0].Name, servers[0].URL, servers[0].Username, servers[0].Fingerprint)
	return nil
}
