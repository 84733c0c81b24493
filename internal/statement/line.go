package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// appendLine writes a workload as encoding/json does, which a test holds it to: a million of them are digested for a
// month, and reflection takes five times as long.
func (w *Workload) appendLine(b []byte) []byte {
	b = appendText(append(b, `{"product":`...), string(w.Product))
	b = w.appendRef(append(b, ','))
	b = appendText(append(b, `,"name":`...), w.Name)
	b = appendText(append(b, `,"type":`...), w.Type)
	b = appendText(append(b, `,"statedType":`...), w.Stated)
	b = appendText(append(b, `,"state":`...), string(w.State))
	b = appendText(append(b, `,"rule":`...), w.Rule)
	b = appendText(append(b, `,"unit":`...), string(w.Unit))
	b = w.Units.Append(append(b, `,"units":`...))
	b = strconv.AppendBool(append(b, `,"answers":`...), w.Answers)
	b = appendInstant(append(b, `,"firstProtectedAt":`...), w.First)
	b = appendText(append(b, `,"age":`...), w.Age)
	b = appendInstant(append(b, `,"lastProtectedAt":`...), w.Last)
	b = appendInstant(append(b, `,"listedAt":`...), w.ListedAt)
	b = append(b, `,"chargedBy":`...)
	if w.ChargedBy == nil {
		b = append(b, "null"...)
	} else {
		b = append(w.ChargedBy.appendRef(append(b, '{')), '}')
	}
	if w.AssumedUnits != "" {
		b = appendText(append(b, `,"assumed":`...), w.AssumedUnits)
	}
	return append(appendInstant(append(b, `,"peakAt":`...), w.PeakAt), '}')
}

func (r *Ref) appendRef(b []byte) []byte {
	b = strconv.AppendInt(append(b, `"server":`...), int64(r.Server), 10)
	if r.Tenant != "" {
		b = appendText(append(b, `,"tenant":`...), r.Tenant)
	}
	return appendText(append(b, `,"id":`...), r.ID)
}

// appendText writes a JSON string; what is not plain is left to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string can always be written
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
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
