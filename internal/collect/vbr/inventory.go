package vbr

import (
	"context"
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// What a server has beside its license: repositories and jobs. Nothing is counted from it, so a figure that makes no
// sense is one that is not stated, and a list that cannot be read costs nothing but itself.

// inventoryRowsMax is how many repositories, or jobs, one server may list.
const inventoryRowsMax = 10_000

// Inventory implements collect.Collector.
func (c *Collector) Inventory(ctx context.Context, t collect.Target) (fleet.Inventory, error) {
	s, failure := c.session(ctx, t)
	if failure != nil {
		return fleet.Inventory{}, failure
	}
	part, cancel := context.WithTimeout(ctx, c.limits.Inventory)
	defer cancel()
	if !s.enter(part) {
		return fleet.Inventory{}, s.client.busy(part)
	}
	defer s.leave()
	i := fleet.Inventory{Server: t.Server.ID, At: c.now()}
	var failed []string
	note := func(failure *collect.Failure) bool {
		if failure != nil {
			failed = append(failed, failure.Text)
		}
		return failure == nil
	}
	repositories, failure := byName[repositoryState](part, s, "the states of its repositories", (*client).repositoryStates)
	if note(failure) {
		i.Repositories = toRepositories(repositories)
	}
	states, failure := byName[jobState](part, s, "the states of its jobs", (*client).jobStates)
	if note(failure) {
		// The settings add how a job is scheduled; without them the rest of it is as good.
		settings, failure := byName[jobSettings](part, s, "its jobs", (*client).jobs)
		note(failure)
		i.Jobs = toJobs(states, settings, s.zoneOrUTC())
	}
	if ctx.Err() != nil {
		return fleet.Inventory{}, s.client.busy(ctx)
	}
	i.Failed = strings.Join(failed, "; ")
	return i, nil
}

func byName[T keyed](ctx context.Context, s *session, what string, m method) ([]T, *collect.Failure) {
	rows, failure := listUpTo[T](ctx, s, what, m, url.Values{"orderColumn": {"Name"}, "orderAsc": {"true"}}, inventoryRowsMax)
	if failure != nil && failure.Reason == usage.GapDenied { // these a smaller role may read, other than the license
		failure = collect.Failed(usage.GapDenied, failure.Cause, "%s does not let this account read %s", s.client.host(), what)
	}
	return rows, failure
}

// zoneOrUTC is the server's zone, as far as it has told it.
func (s *session) zoneOrUTC() *time.Location {
	if s.zone == nil {
		return time.UTC
	}
	return s.zone
}

const bytesPerGB = 1 << 30

func toRepositories(rows []repositoryState) []fleet.Repository {
	list := make([]fleet.Repository, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = fleet.Repository{
			UID: string(r.ID), Name: string(r.Name), Health: healthOf(r),
			Capacity: r.Capacity.times(bytesPerGB), Free: r.Free.times(bytesPerGB), Used: r.Used.times(bytesPerGB),
		}
	}
	return list
}

// healthOf: a server that does not say otherwise finds nothing wrong.
func healthOf(r *repositoryState) fleet.RepositoryHealth {
	switch {
	case r.IsOnline.is("false"):
		return fleet.RepositoryError
	case r.IsOutdated.is("true"):
		return fleet.RepositoryWarning
	default:
		return fleet.RepositoryOK
	}
}

func toJobs(states []jobState, settings []jobSettings, zone *time.Location) []fleet.Job {
	of := make(map[text]*jobSettings, len(settings))
	for i := range settings {
		of[settings[i].ID] = &settings[i]
	}
	list := make([]fleet.Job, len(states))
	for i := range states {
		list[i] = toJob(&states[i], zone)
		if settings := of[states[i].ID]; settings != nil {
			list[i].Schedule = scheduleOf(settings)
			list[i].Enabled = list[i].Enabled && !settings.IsDisabled.is("true")
		}
	}
	return list
}

func toJob(r *jobState, zone *time.Location) fleet.Job {
	j := fleet.Job{
		UID: string(r.ID), Name: string(r.Name), Type: string(r.Type), Workload: string(r.Workload),
		Enabled: !r.Status.is("disabled"), Running: r.Status.is("running", "starting", "stopping"),
		LastRun: r.LastRun.in(zone), Duration: span60(r.Progress.Duration), Rate: rate(r.Progress.Rate), Transferred: r.Progress.Transferred.times(1),
	}
	if n := r.Objects.times(1); n != nil {
		j.Objects = *n
	}
	for _, result := range []fleet.JobResult{fleet.JobSuccess, fleet.JobWarning, fleet.JobFailed} {
		if r.LastResult.is(string(result)) {
			j.Result = result
		}
	}
	if !r.Progress.Bottleneck.is("notdefined", "none") {
		j.Bottleneck = string(r.Progress.Bottleneck)
	}
	// The end is not stated, but when the run began and how long it took (inference).
	if !j.Running && j.LastRun != nil && j.Duration != nil {
		end := j.LastRun.Add(*j.Duration)
		j.EndedAt = &end
	}
	return j
}

// scheduleOf is how the job is scheduled, in the word of its settings; empty: by hand, or in a way of its type alone.
func scheduleOf(r *jobSettings) string {
	var s schedule
	if json.Unmarshal(r.Schedule, &s) != nil || s.RunAutomatically.is("false") {
		return ""
	}
	for _, k := range []struct {
		word string
		of   switchable
	}{
		{"Daily", s.Daily},
		{"Monthly", s.Monthly},
		{"Periodically", s.Periodically},
		{"Continuously", s.Continuously},
		{"AfterThisJob", s.AfterThisJob},
	} {
		if k.of.IsEnabled.is("true") {
			return k.word
		}
	}
	return ""
}

// is compares words without regard to case: revisions spell them differently.
func (t text) is(words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(string(t), w) {
			return true
		}
	}
	return false
}

// times multiplies a number that is not negative; nil where there is none, or one that no size can be.
func (n number) times(unit float64) *int64 {
	f, err := strconv.ParseFloat(string(n), 64)
	if f = math.Round(f * unit); err != nil || !(f >= 0 && f < math.MaxInt64) { // also not a NaN
		return nil
	}
	whole := int64(f)
	return &whole
}

// span60 reads a time span as the vendor's platform writes it: 00:26:04, 1.02:03:04.5000000; nil: it is none.
func span60(t text) *time.Duration {
	parts := strings.Split(string(t), ":")
	if len(parts) != 3 {
		return nil
	}
	days, hours, found := strings.Cut(parts[0], ".")
	if !found {
		days, hours = "0", parts[0]
	}
	total := 0.0
	for _, p := range []struct {
		text    string
		seconds float64
	}{{days, 86400}, {hours, 3600}, {parts[1], 60}, {parts[2], 1}} {
		n, err := strconv.ParseFloat(p.text, 64)
		if err != nil || !(n >= 0 && n < 1e6) {
			return nil
		}
		total += n * p.seconds
	}
	if total >= math.MaxInt64/float64(time.Second) {
		return nil
	}
	d := time.Duration(math.Round(total*1e6)) * time.Microsecond
	return &d
}

// rate reads a speed such as "18.3 MB/s" or "131,9 MB", in bytes per second; nil: it is none, or one that could be two.
func rate(t text) *int64 {
	figure, unit, found := strings.Cut(strings.TrimSuffix(string(t), "/s"), " ")
	power := strings.Index("BKMGT", strings.TrimSuffix(strings.ToUpper(unit), "B"))
	if !found || power < 0 || unit == "" {
		return nil
	}
	if at := strings.LastIndexAny(figure, ".,"); at >= 0 {
		if strings.IndexAny(figure, ".,") != at || len(figure)-at == 4 {
			return nil // 1,234 is one number here and another there
		}
		figure = figure[:at] + "." + figure[at+1:]
	}
	return number(figure).times(math.Pow(1024, float64(power)))
}
