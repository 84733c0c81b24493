package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Result is what became of a reading.
type Result string

// The results.
const (
	ReadingOK          Result = "ok"          // a snapshot is in the ledger
	ReadingFailed      Result = "failed"      // a gap is
	ReadingWithheld    Result = "withheld"    // the server was not asked again, so that the account is not locked
	ReadingInterrupted Result = "interrupted" // the console ended
	ReadingUnrecorded  Result = "unrecorded"  // the ledger did not take what came of it
)

// readings are the readings of servers.
type readings struct {
	total    *prometheus.CounterVec
	inFlight prometheus.Gauge
	seconds  *prometheus.HistogramVec
}

func newReadings() readings {
	r := readings{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_readings_total", Help: "Readings of servers that ended, by what became of them and, where they failed, the reason of the gap.",
		}, []string{"product", "result", "reason"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tallystick_readings_in_flight", Help: "Servers that are being read."}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tallystick_reading_duration_seconds", Help: "How long readings took until the ledger had them.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"product"}),
	}
	for _, p := range usage.Products() { // so that the first one counts as an increase
		for _, result := range []Result{ReadingOK, ReadingWithheld, ReadingInterrupted, ReadingUnrecorded} {
			r.total.WithLabelValues(string(p), string(result), "")
		}
		for _, reason := range usage.GapReasons() {
			r.total.WithLabelValues(string(p), string(ReadingFailed), string(reason))
		}
	}
	return r
}

// ReadingBegan counts a reading that begins.
func (m *Metrics) ReadingBegan() { m.readings.inFlight.Inc() }

// ReadingEnded counts one that ended; reason is that of its gap, or empty. It is told of those that failed.
func (m *Metrics) ReadingEnded(product usage.Product, result Result, reason usage.GapReason, took time.Duration) {
	m.readings.inFlight.Dec()
	if result != ReadingFailed {
		reason = ""
	}
	m.readings.total.WithLabelValues(string(product), string(result), string(reason)).Inc()
	if result == ReadingOK || result == ReadingFailed {
		m.readings.seconds.WithLabelValues(string(product)).Observe(took.Seconds())
	}
}

// appends are the entries that the store was given.
type appends struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newAppends() appends {
	a := appends{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_ledger_appends_total", Help: "Entries that this console gave to the store, by kind and what became of them.",
		}, []string{"kind", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tallystick_ledger_append_duration_seconds", Help: "How long it took until an entry was durable.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"kind"}),
	}
	for _, kind := range []string{"snapshot", "gap", "correction"} { // so that the first one counts as an increase
		for _, result := range []string{appended, duplicate, refused, failed} {
			a.total.WithLabelValues(kind, result)
		}
	}
	return a
}

// What became of entries.
const (
	appended  = "appended"
	duplicate = "duplicate"
	refused   = "refused"
	failed    = "failed"
)

// Appended counts an entry that the store was given.
func (m *Metrics) Appended(a ledger.Append) {
	result := appended
	switch {
	case fault.Is(a.Err, fault.Invalid), fault.Is(a.Err, fault.Conflict), fault.Is(a.Err, fault.NotFound):
		result = refused
	case a.Err != nil:
		result = failed
	case a.Receipt.Duplicate:
		result = duplicate
	}
	m.appends.total.WithLabelValues(a.Kind, result).Inc()
	m.appends.seconds.WithLabelValues(a.Kind).Observe(a.Took.Seconds())
}
