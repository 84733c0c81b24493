package metrics

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Options say what is told, and to whom.
type Options struct {
	Open    bool   // to everybody who can reach the console; else to users with a role of the provider's
	Version string // of the program
	// CertificateEnd is when the certificate of the console ends; zero: it is not known.
	CertificateEnd time.Time
	// Companies is of how many companies, the first by their numbers, the usage is told; 0: of none.
	Companies int
	Sources   Sources
	Now       func() time.Time
	Log       *slog.Logger
}

// Metrics counts what happens, and is the surface that tells it.
type Metrics struct {
	options  Options
	registry *prometheus.Registry
	requests requests
	readings readings
	appends  appends

	mu      sync.Mutex // one scrape at a time
	sources []*source
}

// New gives one that has counted nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{options: o, registry: prometheus.NewRegistry(), readings: newReadings(), appends: newAppends()}
	m.sources = m.list()
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		constant("tallystick_build_info", "The program that runs; always 1.", prometheus.Labels{"version": o.Version, "go": runtime.Version()}, 1),
		&m.requests, m.readings.total, m.readings.inFlight, m.readings.seconds, m.appends.total, m.appends.seconds,
	)
	if !o.CertificateEnd.IsZero() {
		m.registry.MustRegister(constant("tallystick_certificate_not_after_timestamp_seconds", "When the certificate of the console ends.", nil, seconds(o.CertificateEnd)))
	}
	return m
}

func constant(name, help string, labels prometheus.Labels, value float64) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	g.Set(value)
	return g
}

// seconds gives an instant as monitoring systems write it.
func seconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }

// Surface gives the route.
func (m *Metrics) Surface() api.Surface {
	route := api.Open("/metrics", m.answer)
	route.Public = m.options.Open
	return surface{api.NewPlain(route)}
}

type surface struct{ *api.Plain }

// Admit lets those in who may see all companies.
func (surface) Admit(actor access.Actor, _ string) error {
	if !access.May(actor, access.Read, access.Provider) {
		return fault.New(fault.Denied, "The metrics are the provider's: a user of a company may not see them.")
	}
	return nil
}

// within bounds how long what is asked for at a scrape may take; less than scrapers wait by default, which is ten seconds.
const within = 8 * time.Second

// formats are those that are written, the best first; without a word of the scraper's, the text format is.
var formats = []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText}

func (m *Metrics) answer(r *http.Request) (any, error) {
	families, err := prometheus.Gatherers{m.registry, m.look(r.Context())}.Gather()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the metrics contradict one another")
	}
	format := expfmt.NegotiateAccept(r.Header, formats...)
	var body bytes.Buffer
	out := expfmt.NewEncoder(&body, format)
	for _, family := range families {
		if err := out.Encode(family); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the metrics cannot be written")
		}
	}
	if end, ok := out.(expfmt.Closer); ok {
		if err := end.Close(); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the metrics cannot be written")
		}
	}
	return api.Raw{ContentType: string(format), Body: body.Bytes()}, nil
}

// look asks every source, and gives what they said. It goes on where the scraper has gone: the next one need not ask again.
func (m *Metrics) look(ctx context.Context) prometheus.Gatherer {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	var all found
	for _, s := range m.sources {
		all = append(all, s.look(ctx, m.options.Now(), m.options.Log)...)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&all)
	return registry
}
