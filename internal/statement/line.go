package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// lines writes workloads as encoding/json does, which a test holds it to: a million of them are digested for a month, and
// reflection takes five times as long. Much of one is what the one before says, too: that is not written anew.
type lines struct {
	kind   said[kind]
	age    said[string]
	listed said[time.Time]
}

// said is what a part of a workload was written as last.
type said[T comparable] struct {
	of   T
	text []byte
}

func (s *said[T]) append(b []byte, of T, write func([]byte) []byte) []byte {
	if len(s.text) == 0 || s.of != of {
		s.of, s.text = of, write(s.text[:0])
	}
	return append(b, s.text...)
}

// kind is what many workloads of a server have in common.
type kind struct {
	typ, stated string
	state       metering.State
	rule        string
	unit        usage.UnitKind
	units       usage.Units
	answers     bool
}

func (k *kind) append(b []byte) []byte {
	b = usage.AppendText(append(b, `,"type":`...), k.typ)
	b = usage.AppendText(append(b, `,"statedType":`...), k.stated)
	b = usage.AppendText(append(b, `,"state":`...), string(k.state))
	b = usage.AppendText(append(b, `,"rule":`...), k.rule)
	b = usage.AppendText(append(b, `,"unit":`...), string(k.unit))
	b = k.units.Append(append(b, `,"units":`...))
	return strconv.AppendBool(append(b, `,"answers":`...), k.answers)
}

// append writes a workload's line, without its end.
func (l *lines) append(b []byte, w *Workload) []byte {
	b = usage.AppendText(append(b, `{"product":`...), string(w.Product))
	b = w.appendRef(append(b, ','))
	b = usage.AppendText(append(b, `,"name":`...), w.Name)
	k := kind{w.Type, w.Stated, w.State, w.Rule, w.Unit, w.Units, w.Answers}
	b = l.kind.append(b, k, k.append)
	b = appendInstant(append(b, `,"firstProtectedAt":`...), w.First)
	b = l.age.append(append(b, `,"age":`...), w.Age, func(b []byte) []byte { return usage.AppendText(b, w.Age) })
	b = appendInstant(append(b, `,"lastProtectedAt":`...), w.Last)
	b = append(b, `,"listedAt":`...)
	if w.ListedAt == nil {
		b = append(b, "null"...)
	} else {
		b = l.listed.append(b, *w.ListedAt, func(b []byte) []byte { return appendInstant(b, w.ListedAt) })
	}
	b = append(b, `,"chargedBy":`...)
	if w.ChargedBy == nil {
		b = append(b, "null"...)
	} else {
		b = append(w.ChargedBy.appendRef(append(b, '{')), '}')
	}
	if w.AssumedUnits != "" {
		b = usage.AppendText(append(b, `,"assumed":`...), w.AssumedUnits)
	}
	return append(appendInstant(append(b, `,"peakAt":`...), w.PeakAt), '}')
}

func (r *Ref) appendRef(b []byte) []byte {
	b = strconv.AppendInt(append(b, `"server":`...), int64(r.Server), 10)
	if r.Tenant != "" {
		b = usage.AppendText(append(b, `,"tenant":`...), r.Tenant)
	}
	return usage.AppendText(append(b, `,"id":`...), r.ID)
}

func appendInstant(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// Lines writes workloads, one line of JSON for each: what the digest of a statement is over.
func Lines(workloads []Workload) []byte {
	var all []byte
	var l lines
	for i := range workloads {
		all = append(l.append(all, &workloads[i]), '\n')
	}
	return all
}

// digestOf is over one line of JSON for each.
func digestOf(workloads []Workload) string {
	sum := sha256.New()
	room := make([]byte, 0, 1024)
	var l lines
	for i := range workloads {
		room = append(l.append(room[:0], &workloads[i]), '\n')
		_, _ = sum.Write(room) // it never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
