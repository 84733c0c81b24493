package sso

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Provider is where people sign in. Its methods may be called at the same time.
type Provider struct {
	options Options
	client  *http.Client
	asking  singleflight.Group

	mu    sync.Mutex
	known *known
}

// known is what a provider says of itself, and what follows from that.
type known struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	flow     oauth2.Config
	names    bool // it names itself where it sends browsers back (RFC 9207)
	at       time.Time
}

const (
	answerWithin = 10 * time.Second // for each thing that a provider is asked
	answerMax    = 1 << 20          // bytes
)

// For how long what a provider said of itself is taken for so: when somebody sets out, who may be a stranger that has it asked again and again; and
// when they are back, to whom it was said just before.
const (
	askedFor = 10 * time.Second
	always   = 1<<63 - 1
)

// New gives a provider that nothing is asked of yet. Invalid names every setting that is wrong.
func New(o Options) (*Provider, error) {
	if err := fault.InvalidFields("the console cannot start", o.Check()); err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(o.CA) // Check has tried that
	}
	// What the environment says about proxies must not decide who sees the secret.
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: answerWithin}).DialContext, TLSClientConfig: config, TLSHandshakeTimeout: answerWithin,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: answerMax,
	}
	return &Provider{options: o, client: &http.Client{
		Transport: bounded{transport}, Timeout: answerWithin,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return errors.New("the provider sends us on to " + r.URL.Redacted() + ": what it says of itself must stand at its own address")
		},
	}}, nil
}

// bounded cuts answers off that are longer than any that is meant.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, answerMax), answer.Body}
	}
	return answer, err
}

// Name is what people call it.
func (p *Provider) Name() string { return p.options.Name }

// unavailable says in words that the provider cannot be asked, and why to the log.
func (p *Provider) unavailable(ctx context.Context, err error) error {
	p.options.Log.WarnContext(ctx, "the provider of single sign-on does not answer as it should", "issuer", p.options.Issuer, "error", err)
	text := "%s cannot be reached at the moment: try again, or ask whoever runs the console"
	var other *oidc.IssuerMismatchError
	if errors.As(err, &other) {
		text = "%s calls itself another one than the console was told: ask whoever runs the console"
	}
	return fault.Wrap(err, fault.Unavailable, text, p.options.Name)
}

// ask has the provider say what it is; one question at a time, for all who wait.
func (p *Provider) ask(ctx context.Context) (*known, error) {
	asked := p.asking.DoChan("", func() (any, error) { return p.discover(context.WithoutCancel(ctx)) }) // whoever asked first may go away
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-asked:
		k, is := r.Val.(*known)
		if r.Err != nil || !is {
			return nil, p.unavailable(ctx, r.Err)
		}
		return k, nil
	}
}

// asked gives what the provider said of itself when it was asked last, if that is no longer ago than so.
func (p *Provider) asked(ctx context.Context, within time.Duration) (*known, error) {
	p.mu.Lock()
	k := p.known
	p.mu.Unlock()
	if k != nil {
		if age := p.options.Now().Sub(k.at); age < within && age > -within {
			return k, nil
		}
	}
	return p.ask(ctx)
}

func (p *Provider) discover(ctx context.Context) (*known, error) {
	ctx, cancel := context.WithTimeout(p.through(ctx), answerWithin)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, p.options.Issuer)
	if err != nil {
		return nil, err
	}
	var says struct {
		Auth    string   `json:"authorization_endpoint"`
		Token   string   `json:"token_endpoint"`
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Names   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, err
	}
	addresses := []string{says.Auth, says.Token, says.Keys}
	if more := provider.UserInfoEndpoint(); more != "" {
		addresses = append(addresses, more)
	}
	for _, address := range addresses {
		at, _, _ := strings.Cut(address, "?")
		if text := wrongIssuer(at); text != "" {
			return nil, fault.New(fault.Invalid, "the provider's address %q %s", address, text)
		}
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // what is right where nothing is said
	if len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	k := &known{
		provider: provider, names: says.Names, at: p.options.Now(),
		verifier: provider.Verifier(&oidc.Config{ClientID: p.options.ClientID, Now: p.options.Now}),
		flow: oauth2.Config{
			ClientID: p.options.ClientID, ClientSecret: p.options.Secret, Endpoint: endpoint, Scopes: scopesFor(p.options.Claim),
			RedirectURL: strings.TrimRight(p.options.Public, "/") + ReturnPath,
		},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = k
	return k, nil
}

// through has requests of a context made by our client.
func (p *Provider) through(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

func scopesFor(claim string) []string {
	if claim == Email {
		return []string{oidc.ScopeOpenID, "email"}
	}
	return []string{oidc.ScopeOpenID, "profile"}
}
