package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/config"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/report"
)

// The exit codes of product.md §1.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// root is the whole command line.
type root struct {
	Config    string `help:"Read settings from this TOML file; its keys are the names of these flags, and of those of serve, demo and sim." placeholder:"FILE"`
	Data      string `help:"Directory that holds the ledger, the key and the certificate." default:"${data}" placeholder:"DIR"`
	Database  string `help:"Where the ledger lies: postgres://USER@HOST/NAME or sqlite:FILE; default: a SQLite file in --data. A password is better given in TALLYSTICK_DATABASE or the configuration file: a command line can be seen by others." placeholder:"URL"`
	Types     string `help:"Read more of the vendor's type names from this TOML file: tables platform, text and counter, from a name to a catalogue id." placeholder:"FILE"`
	Catalogue string `help:"Let the own weights and types of this file count beside the program's, from when it first says so on; see 'catalogue set'." placeholder:"FILE"`
	ReportLook
	JSON bool `name:"json" help:"Print results as JSON on standard output."`

	Serve     serveCmd     `cmd:"" help:"Run the console: API v2 over HTTPS, collection in the background. Example: tallystick serve --listen :1281"`
	Demo      demoCmd      `cmd:"" help:"Run a whole product on simulated servers, in one command. Example: tallystick demo --check"`
	Sim       simCmd       `cmd:"" help:"Run simulated backup servers from a scenario file. Example: tallystick sim --scenario first-light"`
	Company   companyCmd   `cmd:"" help:"Companies, the customers of the provider. Example: tallystick company list"`
	Plan      planCmd      `cmd:"" help:"Subscription plans: what is asked for services. Example: tallystick plan list"`
	Server    serverCmd    `cmd:"" help:"Backup servers that are read, or fed by import. Example: tallystick server list"`
	Accounts  accountCmd   `cmd:"" name:"credential" help:"Credential sets: accounts that several servers know, changed in one step. Example: tallystick credential list"`
	Collect   collectCmd   `cmd:"" help:"Read servers now; 'collect status' shows the schedule. Example: tallystick collect name:VBR01"`
	Import    importCmd    `cmd:"" help:"Put saved readings into the ledger. Example: tallystick import readings.ndjson.gz"`
	Usage     usageCmd     `cmd:"" help:"Figures. Example: tallystick usage show 2"`
	Statement statementCmd `cmd:"" help:"The month's statements. Example: tallystick statement draft --month 2026-10"`
	User      userCmd      `cmd:"" help:"People and programs that may log in. Example: tallystick user list"`
	Workload  workloadCmd  `cmd:"" help:"One workload. Example: tallystick workload find web01"`
	Correct   correctCmd   `cmd:"" help:"Revoke a reading or gap that is wrong, from now on; figures as they were known before stay. Example: tallystick correct 1234 --reason \"restored from an old copy\""`
	Weights   catalogueCmd `cmd:"" name:"catalogue" help:"Which weights are in force. Example: tallystick catalogue show --month 2026-12"`
	Reconcile reconcileCmd `cmd:"" help:"What the vendor's counters and our own count say differently, with the workloads that may be why; or what a file says otherwise than a month's statements. Example: tallystick reconcile 2 --month 2026-10 --against report.csv --mapping report.toml"`
	Alarms    alarmsCmd    `cmd:"" help:"What is wrong, and what was done about it. Example: tallystick alarms --all"`
	Audit     auditCmd     `cmd:"" help:"Who changed what. Example: tallystick audit name:Northwind"`
	Backup    backupCmd    `cmd:"" help:"Write the ledger into one file, also while a console runs. Example: tallystick backup /backup/tallystick-2026-11-01.db"`
	Restore   restoreCmd   `cmd:"" help:"Put a backup into an empty data directory or database. Example: tallystick restore /backup/tallystick-2026-11-01.db --data /var/lib/tallystick"`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database to the newest schema, or with --to move everything into another one. Example: tallystick migrate --to postgres://tally@db.example/tallystick --dry-run"`
	Doctor    doctorCmd    `cmd:"" help:"Check everything that the product rests on; ends with 1 when something is wrong. Example: tallystick doctor --recount"`
	Verify    verifyCmd    `cmd:"" help:"Check an exported statement on any machine, without a ledger: signature, checksums, and that it follows from its evidence. Example: tallystick verify tallystick-2-2026-10-1.zip --key FINGERPRINT"`
	Version   versionCmd   `cmd:"" help:"Print the version. Example: tallystick version --json"`
}

// ReportLook is how reports look. It is exported for kong, which fills it in.
type ReportLook struct {
	ProviderName  string `help:"Your name on reports; default: the first --licensee." placeholder:"NAME"`
	ProviderLogo  string `help:"Your logo on reports: a PNG or JPEG file of at most 4 MiB, and 2000 pixels on each side." placeholder:"FILE"`
	ProviderColor string `help:"The colour of titles and heads in reports, as #1f4e79." placeholder:"#RRGGBB"`
}

// env is what every command runs with.
type env struct {
	ctx       context.Context
	data      string
	database  string
	types     string
	catalogue string
	look      report.Settings
	json      bool
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer
	opened    *app.App
}

// Main runs one command line and returns its exit code. The first Ctrl-C ends
// what is under way in order; a second one ends the program.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	err := e.run(args)
	if closing := e.close(); err == nil {
		err = closing
	}
	var exit exitRequest
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	}
	e.complain(err)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// exitRequest ends the program with a code after everything was said, as --help does.
type exitRequest int

func (e exitRequest) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func (e *env) run(args []string) (err error) {
	var cli root
	source, err := config.Load(configPath(args))
	if err != nil {
		return &usageError{err}
	}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exitRequest: // kong asks to exit in the middle of parsing
			err = v
		default:
			panic(v) // a defect: never taken for success
		}
	}()
	parser, err := kong.New(&cli, kong.Name("tallystick"),
		kong.Description("Tallystick counts the license usage of backup servers, company by company. It is not affiliated with any vendor."),
		kong.Writers(e.stdout, e.stderr), kong.Exit(func(code int) { panic(exitRequest(code)) }),
		config.Settings("serve", "demo", "sim"), kong.Resolvers(source), kong.Vars{"data": config.DataDir()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}))
	if err != nil {
		return err
	}
	if err := source.Validate(parser.Model); err != nil {
		return &usageError{err}
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return &usageError{err}
	}
	e.ctx = audit.By(e.ctx, audit.Actor{Name: me(), Via: "cli"})
	e.data, e.database, e.types, e.catalogue, e.json = cli.Data, cli.Database, cli.Types, cli.Catalogue, cli.JSON
	e.look = report.Settings{Name: cli.ProviderName, LogoFile: cli.ProviderLogo, Color: cli.ProviderColor}
	if e.data == "" {
		return &usageError{errors.New("--data: is empty: name a directory, or leave it out for the default")}
	}
	return parsed.Run(e)
}

// usageError marks what is wrong with the command line itself.
type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }

// isUsage: the parser's complaints, and faults whose every field is a flag.
func isUsage(err error) bool {
	var u *usageError
	var f *fault.Error
	if errors.As(err, &u) {
		return true
	}
	if !errors.As(err, &f) || f.Code != fault.Invalid || len(f.Fields) == 0 {
		return false
	}
	for _, field := range f.Fields {
		if !strings.HasPrefix(field.Path, "--") {
			return false
		}
	}
	return true
}

func (e *env) complain(err error) {
	var f *fault.Error
	var u *usageError
	switch {
	case errors.As(err, &f) && len(f.Fields) > 0:
		e.say("tallystick: %s:", f.Message)
		for _, field := range f.Fields {
			e.say("  %s: %s", field.Path, field.Text)
		}
	case errors.As(err, &f):
		e.say("tallystick: %s", f.Message)
	default:
		e.say("tallystick: %v", err)
	}
	if errors.As(err, &u) {
		e.say("Try: tallystick --help, or --help behind a command.")
	}
	if f != nil && f.Cause() != "" {
		e.say("  cause: %s", f.Cause())
	}
}

// say writes a message for a person.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.stderr, format+"\n", args...) //nolint:errcheck // a message that nobody reads is lost
}

// print writes a result.
func (e *env) print(format string, args ...any) error {
	_, err := fmt.Fprintf(e.stdout, format, args...)
	return err
}

// app opens the store, once per command. create: a command that adds something may begin a new ledger.
func (e *env) app(create bool) (*app.App, error) {
	if e.opened != nil {
		return e.opened, nil
	}
	a, err := app.Open(e.ctx, e.options(create, slog.LevelError))
	e.opened = a
	return a, err
}

// me is this machine's user as far as the machine says.
func me() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// options say where the store lies.
func (e *env) options(create bool, level slog.Level) app.Options {
	return app.Options{
		DataDir: e.data, Database: e.database, TypesFile: e.types, CatalogueFile: e.catalogue, Create: create, Log: logger(e.stderr, level), Look: e.look,
	}
}

// afterFleetChange checks all alarms: who owns what decides some of them (C30, C31, C34, C40).
func (e *env) afterFleetChange(a *app.App, err error) error {
	if err == nil {
		err = a.Alarms.CheckAll(e.ctx)
	}
	if err != nil {
		return err
	}
	return a.Alarms.CheckFinals(e.ctx)
}

func (e *env) close() error {
	if e.opened == nil {
		return nil
	}
	return e.opened.Close()
}

// configPath finds --config before the real parsing: the file decides defaults.
func configPath(args []string) string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if value, ok := strings.CutPrefix(a, "--config="); ok {
			return value
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv(config.EnvPrefix + "_CONFIG")
}
