package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// appendLine writes a workload as encoding/json does, which a test holds it to: a million of them are digested for a
// month, and reflection takes five times as long.
func (w *Workload) appendLine(b []byte) []byte {
	b = usage.AppendText(append(b, `{"product":`...), string(w.Product))
	b = w.appendRef(append(b, ','))
	b = usage.AppendText(append(b, `,"name":`...), w.Name)
	b = usage.AppendText(append(b, `,"type":`...), w.Type)
	b = usage.AppendText(append(b, `,"statedType":`...), w.Stated)
	b = usage.AppendText(append(b, `,"state":`...), string(w.State))
	b = usage.AppendText(append(b, `,"rule":`...), w.Rule)
	b = usage.AppendText(append(b, `,"unit":`...), string(w.Unit))
	b = w.Units.Append(append(b, `,"units":`...))
	b = strconv.AppendBool(append(b, `,"answers":`...), w.Answers)
	b = appendInstant(append(b, `,"firstProtectedAt":`...), w.First)
	b = usage.AppendText(append(b, `,"age":`...), w.Age)
	b = appendInstant(append(b, `,"lastProtectedAt":`...), w.Last)
	b = appendInstant(append(b, `,"listedAt":`...), w.ListedAt)
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
	for i := range workloads {
		all = append(workloads[i].appendLine(all), '\n')
	}
	return all
}

// digestOf is over one line of JSON for each.
func digestOf(workloads []Workload) string {
	sum := sha256.New()
	room := make([]byte, 0, 1024)
	for i := range workloads {
		room = append(workloads[i].appendLine(room[:0]), '\n')
		_, _ = sum.Write(room) // it never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
