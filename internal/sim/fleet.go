package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Options say how a fleet is started.
type Options struct {
	Scenario *Scenario
	// Listen is the address of the first server, the others count its port up; port 0: each takes a free one. Empty: 127.0.0.1:0.
	Listen string
	Now    func() time.Time // wall clock; nil: time.Now
	Log    *slog.Logger     // nil: nothing is logged
}

// Server is what a client needs to know of a simulated server.
type Server struct {
	Name           string
	URL            string // https://host:port
	Username       string
	Password       string
	CertificatePEM []byte
	Fingerprint    string // SHA-256 of the certificate, lower-case hex
	InstallationID string
	Company        string // as the scenario says
	Product        usage.Product
	Shared         bool
}

// Fleet is a set of running servers. All methods may be called at the same time.
type Fleet struct {
	clock   *Clock
	start   time.Time
	servers []*server
	log     *slog.Logger

	ctx    context.Context // ends with the fleet: held-up answers stop waiting
	cancel context.CancelFunc
	unhook func() bool
	work   sync.WaitGroup // accept loops and open connections
	closed sync.Once
}

// closeMax bounds how long Close waits for connections to end.
const closeMax = time.Second

// Start opens all servers of a scenario. They run until Close, or until ctx ends.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	if o.Scenario == nil {
		return nil, fault.New(fault.Invalid, "there is no scenario")
	}
	if err := o.Scenario.Validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{start: o.Scenario.Clock.Start.UTC().Truncate(time.Microsecond), log: o.Log}
	if o.Scenario.Clock.Start.IsZero() {
		f.start = o.Now().UTC().Truncate(time.Microsecond)
	}
	f.clock = newClock(f.start, o.Scenario.Clock.Speed, o.Now)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	for i := range o.Scenario.Servers {
		if err := f.open(ctx, o, i); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	f.unhook = context.AfterFunc(ctx, func() { _ = f.shut() })
	return f, nil
}

// open starts the server at place i of the scenario.
func (f *Fleet) open(ctx context.Context, o Options, i int) error {
	s, err := newServer(f, o.Scenario, i)
	if err != nil {
		return err
	}
	address, err := addressOf(o.Listen, i)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "cannot listen on %s for the server %s: %v", address, s.spec.Name, err)
	}
	s.address = listener.Addr().String()
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
		ConnState:         f.connState,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{s.cert.tls}, MinVersion: tls.VersionTLS12},
		Protocols:         new(http.Protocols),
	}
	s.http.Protocols.SetHTTP1(true) // a body can be cut off only here
	f.servers = append(f.servers, s)
	f.work.Go(func() {
		err := s.http.ServeTLS(&gate{Listener: listener, server: s}, "", "")
		if !errors.Is(err, http.ErrServerClosed) {
			f.log.Error("simulated server stopped", "server", s.spec.Name, "error", err)
		}
	})
	return nil
}

// addressOf gives the address of the server at place i.
func addressOf(listen string, i int) (string, error) {
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "%q is no address: write host:port, such as 127.0.0.1:9419", clip(listen))
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", fault.New(fault.Invalid, "%q is no port: it must lie between 0 and 65535", clip(text))
	}
	if port != 0 {
		if port += i; port > 65535 {
			return "", fault.New(fault.Invalid, "there are not enough ports after %s for server %d", listen, i+1)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// connState counts open connections, so that Close can wait for them.
func (f *Fleet) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		f.work.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.work.Done()
	}
}

// gate resets connections while a server is unreachable.
type gate struct {
	net.Listener
	server *server
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if _, off := g.server.faults.on(FaultUnreachable, g.server.fleet.clock.Now()); !off {
			return conn, nil
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// Servers lists the servers in the order of the scenario.
func (f *Fleet) Servers() []Server {
	out := make([]Server, len(f.servers))
	for i, s := range f.servers {
		product := s.spec.Product
		if product == "" {
			product = usage.ProductVBR
		}
		out[i] = Server{
			Name: s.spec.Name, URL: "https://" + s.address, Username: s.username(), Password: s.spec.Password,
			CertificatePEM: s.cert.pem, Fingerprint: s.cert.fingerprint, InstallationID: s.installation,
			Company: s.spec.Company, Product: product, Shared: s.spec.Shared,
		}
	}
	return out
}

// Clock gives the simulated time that all servers share.
func (f *Fleet) Clock() *Clock { return f.clock }

// named finds the servers of a name; "" stands for all.
func (f *Fleet) named(name string) ([]*server, error) {
	if name == "" {
		return f.servers, nil
	}
	for _, s := range f.servers {
		if s.spec.Name == name {
			return []*server{s}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no simulated server %q", clip(name))
}

// SetFault makes a server ("" for all) misbehave at once, beside what its scenario says. A fault of the same
// kind and path that was set before is replaced. Relative times are told from the start of the clock.
func (f *Fleet) SetFault(name string, flaw Fault) error {
	servers, err := f.named(name)
	if err != nil {
		return err
	}
	c := &checker{}
	c.fault("fault", &flaw)
	if err := fault.InvalidFields("the fault has mistakes", c.fields); err != nil {
		return err
	}
	for _, s := range servers {
		s.faults.add(arm(flaw, f.start, true))
	}
	return nil
}

// ClearFaults ends all faults that SetFault began; those of the scenario stay.
func (f *Fleet) ClearFaults() {
	for _, s := range f.servers {
		s.faults.clear()
	}
}

// Requests gives the latest requests of a server, oldest first; none for a name that does not exist.
func (f *Fleet) Requests(name string) []Request {
	for _, s := range f.servers {
		if s.spec.Name == name {
			return s.journal.all()
		}
	}
	return nil
}

// Close ends all servers at once, in the middle of answers too, and waits until
// nothing of them runs any more.
func (f *Fleet) Close() error {
	if f.unhook != nil {
		f.unhook()
	}
	return f.shut()
}

func (f *Fleet) shut() error {
	var err error
	f.closed.Do(func() {
		f.cancel()
		for _, s := range f.servers {
			err = errors.Join(err, s.http.Close())
		}
	})
	done := make(chan struct{})
	go func() { f.work.Wait(); close(done) }()
	timer := time.NewTimer(closeMax)
	defer timer.Stop()
	select {
	case <-done:
		return err
	case <-timer.C:
		return errors.Join(err, fault.New(fault.Unavailable, "connections to simulated servers would not end"))
	}
}
