package cli

import (
	"context"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/config"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/statement"
)

type serveCmd struct {
	Listen    string    `help:"Address to listen on." default:":1281" placeholder:"ADDR"`
	TLSCert   string    `name:"tls-cert" help:"Certificate chain in PEM; default: a self-signed one, made once." placeholder:"FILE"`
	TLSKey    string    `name:"tls-key" help:"Its key in PEM." placeholder:"FILE"`
	Zone      string    `help:"Time zone of the months of computed figures; first given it holds for all time, later ones from then on. Default UTC." placeholder:"UTC"`
	Licensee  []string  `help:"The provider's name as licenses say it: what is licensed to others is told apart in statements. Repeatable; once given it holds until others are." placeholder:"NAME" sep:"none"`
	Approve   int       `name:"auto-approve-day" help:"Day of each month, 1 to 28, on which drafts of the month before are approved unreviewed, if nothing needs a reason. Default: never." placeholder:"DAY"`
	PublicURL string    `name:"public-url" help:"Address that clients see, for links; default: the request's host." placeholder:"URL"`
	Profile   string    `help:"Version of API v2 that answers: 3.0 or 6.0." default:"3.0" enum:"3.0,6.0"`
	Host      []string  `help:"More host names for the self-signed certificate." placeholder:"NAME"`
	Metrics   string    `help:"To whom /metrics answers: to users of the provider's with a token, openly to everybody, or off. auto: openly on a loopback address without --public-url, else with a token." default:"auto" enum:"auto,token,open,off"`
	Companies int       `name:"metrics-companies" help:"Of how many companies /metrics tells the usage, the first by their numbers. Default: none." placeholder:"N"`
	OIDC      oidcFlags `embed:"" prefix:"oidc-"`
	Quiet     bool      `help:"Log warnings only."`
}

// oidcFlags say where people may sign in by single sign-on.
type oidcFlags struct {
	Issuer     string `help:"Provider of identities at which people may sign in by OpenID Connect: its address, exactly as it says it itself. Needs --public-url. Default: none." placeholder:"URL"`
	ClientID   string `name:"client-id" help:"What the provider registered the console as." placeholder:"ID"`
	SecretFile string `name:"client-secret-file" help:"File whose first line is the secret that the provider gave out." placeholder:"FILE"`
	Name       string `help:"What the sign-in page calls the provider." default:"single sign-on" placeholder:"NAME"`
	Claim      string `help:"What the provider says of people that finds them here the first time: email (only a verified one), preferred_username or upn." default:"email" enum:"email,preferred_username,upn"`
	CA         string `name:"ca" help:"Authorities in PEM that vouch for the provider; default: those of the system." placeholder:"FILE"`
}

func (c *serveCmd) Run(e *env) error {
	if c.Approve < 0 || c.Approve > statement.DueDayMax {
		return mistake("--auto-approve-day", "is a day from 1 to 28")
	}
	if c.Companies < 0 || c.Companies > metricsCompaniesMax {
		return mistake("--metrics-companies", "is a number from 0 to %d", metricsCompaniesMax)
	}
	if err := e.canListen(c.Listen); err != nil { // before anything is made
		return err
	}
	a, err := app.Open(e.ctx, e.options(true, levelOf(!c.Quiet)))
	if err != nil {
		return err
	}
	e.opened = a
	options := app.ServeOptions{
		Listen: c.Listen, CertFile: c.TLSCert, KeyFile: c.TLSKey, Hosts: c.Host, Zone: c.Zone, PublicURL: c.PublicURL, Profile: c.Profile,
		SignOn:    app.SignOn{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, SecretFile: c.OIDC.SecretFile, Name: c.OIDC.Name, Claim: c.OIDC.Claim, CAFile: c.OIDC.CA},
		Licensees: c.Licensee, ApproveDay: c.Approve, Metrics: c.Metrics, MetricsCompanies: c.Companies,
	}
	server, err := a.Prepare(e.ctx, options)
	if err != nil {
		return err
	}
	if server.Made {
		e.say("A self-signed certificate was made.")
	}
	e.say("Certificate SHA-256: %s", server.Fingerprint)
	e.sayStatementKey(a)
	if users, err := a.Store.Users(e.ctx); err != nil {
		return err
	} else if len(users) == 0 {
		return fault.New(fault.NotFound, "there is no user yet, so nobody could log in. Add one, then start again:\n"+
			"  tallystick user add%s --name admin --role portal-administrator --password-stdin", dataFlag(e.data)+databaseFlag(e.database))
	}
	if ownGC() {
		debug.SetGCPercent(gcPercent)
	}
	return server.Run(e.ctx, func(address string) { e.say("Listening on https://%s (end with Ctrl-C).", openable(address)) })
}

// metricsCompaniesMax keeps the series of one console to what a monitoring system bears: some 20 for each company.
const metricsCompaniesMax = 10_000

// gcPercent is by how much the memory in use may grow before what is not used is looked for. A console keeps what changes
// little and answers fast: looking half as often leaves a tenth more of the processor for answers.
const gcPercent = 200

// ownGC reports whether the administrator leaves the collection of garbage to us.
func ownGC() bool { return os.Getenv("GOGC") == "" }

// canListen refuses what is no address to listen on.
func (e *env) canListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.DefaultResolver.LookupPort(e.ctx, "tcp", port)
	}
	if err != nil {
		return mistake("--listen", "%q is not an address: write it as 127.0.0.1:1281, or :1281 for all of this machine", address)
	}
	return nil
}

// openable gives an address that a browser on this machine can open.
func openable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return address
}

// dataFlag repeats --data where it is not the default.
func dataFlag(dir string) string {
	if dir == config.DataDir() {
		return ""
	}
	return " --data " + shellWord(dir)
}

// databaseFlag repeats --database where it holds no secret; a URL may, and stands in the environment by then.
func databaseFlag(database string) string {
	switch {
	case database == "":
		return ""
	case strings.HasPrefix(database, "sqlite:"):
		return " --database " + shellWord(database)
	}
	return " --database \"$TALLYSTICK_DATABASE\""
}

func shellWord(text string) string {
	if strings.ContainsAny(text, " '\"\\$") {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

// interruptible ends the context at the first Ctrl-C; a second one kills the program.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

type versionCmd struct{}

func (*versionCmd) Run(e *env) error {
	v := app.Version()
	if e.json {
		return e.printJSON(map[string]string{"version": v})
	}
	return e.print("tallystick %s\n", v)
}
