package metrics

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// source is something that is asked at a scrape.
type source struct {
	name string
	keep time.Duration // for how long its answer is told again; 0: it is asked each time
	ask  func(ctx context.Context, f *found) error

	asked   time.Time     // when the answer was given; zero: there is none
	holds   time.Duration // for how long it does
	answer  found
	failing bool
}

// failureHolds is for how long at least what failed is not asked again: it may be that it takes too long.
const failureHolds = 30 * time.Second

var upDesc = desc("tallystick_source_up", "Whether a part of the console answered what the metrics asked of it; where not, its metrics are absent.", "source")

// look gives what the source says, and whether it did.
func (s *source) look(ctx context.Context, now time.Time, log *slog.Logger) found {
	if age := now.Sub(s.asked); !s.asked.IsZero() && age >= 0 && age < s.holds {
		return s.answer
	}
	var f found
	err := s.ask(ctx, &f)
	if errors.Is(err, errors.ErrUnsupported) { // not on this system
		return nil
	}
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		if failing {
			log.Warn("a part of the metrics is missing", "source", s.name, "error", err)
		} else {
			log.Info("no part of the metrics is missing any more", "source", s.name)
		}
	}
	up := 1.
	s.holds = s.keep
	if err != nil {
		up, f = 0, nil
		s.holds = max(s.keep, failureHolds)
	}
	f.gauge(upDesc, up, s.name)
	s.asked, s.answer = now, f
	return f
}

// found is what was found at a scrape.
type found []prometheus.Metric

// Describe says nothing: what is found differs from scrape to scrape.
func (*found) Describe(chan<- *prometheus.Desc) {}

// Collect gives what was found.
func (f *found) Collect(ch chan<- prometheus.Metric) {
	for _, m := range *f {
		ch <- m
	}
}

func (f *found) gauge(d *prometheus.Desc, value float64, labels ...string) {
	*f = append(*f, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...))
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}
