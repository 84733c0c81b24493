package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tallystick/tallystick/internal/api"
)

var (
	requestsDesc = prometheus.NewDesc("tallystick_http_requests_total", "Requests that were answered, by route; 499: the client did not wait.", []string{"method", "route", "code"}, nil)
	requestDesc  = prometheus.NewDesc("tallystick_http_request_duration_seconds", "How long answers took, by route.", []string{"method", "route"}, nil)
	bytesDesc    = prometheus.NewDesc("tallystick_http_response_bytes_total", "Bytes of the bodies that were sent, by route.", []string{"method", "route"}, nil)
)

// codes are the statuses that the console gives; others are told as "other".
var codes = [...]int{200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 428, 429, 499, 500, 501, 502, 503, 504}

const (
	codeEnd = 600
	other   = len(codes)
)

// placeOf is the place of each status among the codes.
var placeOf = func() (places [codeEnd]uint8) {
	for i := range places {
		places[i] = uint8(other)
	}
	for i, code := range codes {
		places[code] = uint8(i)
	}
	return places
}()

// bounds are the upper ends of the buckets: most answers come from memory, and none may take longer than the deadline.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond, 10 * time.Second, 30 * time.Second,
}

// route counts the answers of one route. Everything has its place beforehand: the quickest answer takes microseconds.
type route struct {
	method, pattern string

	codes   [len(codes) + 1]atomic.Uint64
	buckets [len(bounds) + 1]atomic.Uint64
	took    atomic.Int64 // ns
	bytes   atomic.Int64
}

func (r *route) answered(status, bytes int, took time.Duration) {
	code := other
	if status >= 0 && status < codeEnd {
		code = int(placeOf[status])
	}
	bucket := 0
	for bucket < len(bounds) && took > bounds[bucket] {
		bucket++
	}
	r.codes[code].Add(1)
	r.buckets[bucket].Add(1)
	r.took.Add(int64(took))
	r.bytes.Add(int64(bytes))
}

// requests are the routes. Those that nobody asked for are not told: there are hundreds.
type requests struct {
	mu     sync.Mutex
	routes []*route
}

// Meter counts the answers of a route; see api.Frame.Meter.
func (m *Metrics) Meter(method, pattern string) api.Meter {
	r := &route{method: method, pattern: pattern}
	if pattern == "" {
		r.method, r.pattern = "(any)", "(unknown)"
	}
	m.requests.mu.Lock()
	defer m.requests.mu.Unlock()
	m.requests.routes = append(m.requests.routes, r)
	return r.answered
}

func (*requests) Describe(ch chan<- *prometheus.Desc) {
	ch <- requestsDesc
	ch <- requestDesc
	ch <- bytesDesc
}

func (q *requests) Collect(ch chan<- prometheus.Metric) {
	q.mu.Lock()
	routes := q.routes
	q.mu.Unlock()
	for _, r := range routes {
		r.collect(ch)
	}
}

func (r *route) collect(ch chan<- prometheus.Metric) {
	buckets, count := make(map[float64]uint64, len(bounds)), uint64(0)
	for i := range r.buckets {
		count += r.buckets[i].Load()
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = count
		}
	}
	if count == 0 {
		return
	}
	for i := range r.codes {
		code, failure := "other", false
		if i != other {
			code, failure = strconv.Itoa(codes[i]), codes[i] >= http.StatusInternalServerError
		}
		if n := r.codes[i].Load(); n > 0 || failure { // so that the first failure counts as an increase
			ch <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), r.method, r.pattern, code)
		}
	}
	ch <- prometheus.MustNewConstHistogram(requestDesc, count, time.Duration(r.took.Load()).Seconds(), buckets, r.method, r.pattern)
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, float64(r.bytes.Load()), r.method, r.pattern)
}
