package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// instant is a time in the form in which all are written: UTC, to the microsecond.
type instant struct{ time.Time }

const instantForm = `"2006-01-02T15:04:05.999999Z"`

func (t instant) MarshalJSON() ([]byte, error) { return t.UTC().AppendFormat(nil, instantForm), nil }

func (t *instant) UnmarshalJSON(text []byte) (err error) {
	t.Time, err = time.Parse(instantForm, string(text))
	return err
}

func instantOf(t *time.Time) *instant {
	if t == nil {
		return nil
	}
	return &instant{*t}
}

func timeOf(t *instant) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}

func instants(times []time.Time) []instant {
	list := make([]instant, len(times))
	for i, t := range times {
		list[i] = instant{t}
	}
	return list
}

// encode writes a value of a part.
func encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		err = fault.Wrap(err, fault.Internal, "a part of the bundle cannot be written down")
	}
	return text, err
}

// decode reads what encode wrote, and nothing else: no unknown, repeated or reordered members. where names it.
func decode[T any](where string, text []byte) (v T, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fault.Wrap(err, fault.Invalid, "%s cannot be read: %v", where, err)
	}
	again, err := encode(v)
	if err == nil && !bytes.Equal(again, text) {
		err = notOurs(where)
	}
	return v, err
}

func notOurs(where string) error {
	return fault.New(fault.Invalid, "%s is not written as Tallystick writes it", where)
}

// decodeLines reads a file of one value a line.
func decodeLines[T any](f file, take func(where string, v T) error) error {
	number := 0
	for line := range bytes.Lines(f.body) {
		number++
		where := fmt.Sprintf("%s, line %d,", f.name, number)
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		if !ended {
			return fault.New(fault.Invalid, "%s is cut off", where)
		}
		v, err := decode[T](where, text)
		if err == nil {
			err = take(where, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// factLine is a dated fact (C38).
type factLine struct {
	Position  usage.Position  `json:"position"`
	Subject   usage.Subject   `json:"subject"`
	Attribute usage.Attribute `json:"attribute"`
	Value     string          `json:"value"`
	ValidFrom instant         `json:"validFrom"`
}

// rowLine is a workload as a server listed it, with what its history says of its age (C9).
type rowLine struct {
	Workload json.RawMessage `json:"workload"` // as in our snapshots
	Evidence ageLine         `json:"evidence"`
}

type ageLine struct {
	Stated        *instant `json:"stated"`
	FirstListed   instant  `json:"firstListed"`
	FirstListsNew bool     `json:"firstListsNew"`
	AbsentBefore  *instant `json:"absentBefore"`
}

// listLine is a server's list: the numbers of its rows, from 0.
type listLine struct {
	TakenAt instant `json:"takenAt"`
	Rows    []int   `json:"rows"`
}

// factsLine is what was known of a product at an instant.
type factsLine struct {
	Product usage.Product `json:"product"`
	At      instant       `json:"at"`
	Zone    string        `json:"zone"`
	Catalog string        `json:"catalog"`
	Servers []serverLine  `json:"servers"`
}

type serverLine struct {
	ID        usage.ServerID `json:"id"`
	Name      string         `json:"name"` // as the statement has it; empty for one that is not in it
	Shared    bool           `json:"shared"`
	Domain    string         `json:"domain"`
	Authority string         `json:"authority"`
	Interval  int64          `json:"intervalSeconds"`
	Cloned    bool           `json:"cloned"`
	Reading   *int           `json:"reading"` // the number of its line, from 0; null: none
	List      *int           `json:"list"`
}

// periodLine is how a server was read in the month.
type periodLine struct {
	Server usage.ServerID `json:"server"`
	Before *instant       `json:"before"`
	Taken  []instant      `json:"taken"`
	Gaps   []gapLine      `json:"gaps"`
}

type gapLine struct {
	At     instant         `json:"at"`
	Reason usage.GapReason `json:"reason"`
	Text   string          `json:"text"`
}
