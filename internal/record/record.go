package record

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Kind tells records apart; its text is for ever what is stored, and what a message calls one.
type Kind string

// Record is a value as it is kept.
type Record struct {
	Kind      Kind
	ID        int64           // from 1 in each kind, never reused
	Company   usage.CompanyID // whose it is; 0: the provider's
	Owner     int64           // the record of another kind below which it is; 0: none
	Body      string          // the value as JSON
	CreatedAt time.Time
	ChangedAt time.Time
	RemovedAt *time.Time
	Revision  int64 // tells one state from another
}

// Below chooses records by what they belong to; zero members choose all.
type Below struct {
	Company usage.CompanyID
	Owner   int64
}

// Guard looks at the others of a record's kind that are there; its error refuses the record.
type Guard func(others []Record) error

// Store keeps records. Every method is one transaction; guards are run within it.
type Store interface {
	// AddRecord gives the record its number and its times and stores it. NotFound: there is no such company.
	AddRecord(ctx context.Context, r Record, now time.Time, guards ...Guard) (Record, error)
	// UpdateRecord replaces the body, and the removal, of the record that had the revision. NotFound, or
	// fault.Meanwhile: it has another one by now. Conflict: it is to be removed, and companies rest on it.
	UpdateRecord(ctx context.Context, r Record, now time.Time, guards ...Guard) error
	// Record gives one that is not removed; NotFound.
	Record(ctx context.Context, kind Kind, id int64) (Record, error)
	// Records lists those of a kind that are not removed, by number.
	Records(ctx context.Context, kind Kind, below Below) ([]Record, error)
}

// Missing is a NotFound.
func Missing(kind Kind, id int64) error {
	return fault.New(fault.NotFound, "There is no %s %d.", kind, id)
}

// Item is a record with its value.
type Item[T any] struct {
	Record

	Value T
}

// Book is the records of one kind, whose values are of type T.
type Book[T any] struct {
	Kind  Kind
	Store Store
	Now   func() time.Time
	// Fits refuses a value beside the others of the kind, at the moment at which it is kept; nil refuses none.
	Fits func(value *T, others []Item[T]) error
	// Says tells the audit trail what differs, a new value from the zero one; nil: the members' names, of a new value nothing.
	Says func(was, is *T) string
}

// Add keeps a new value.
func (b Book[T]) Add(ctx context.Context, below Below, value T) (Item[T], error) {
	r := Record{Kind: b.Kind, Company: below.Company, Owner: below.Owner, Body: encode(value)}
	detail := ""
	if b.Says != nil {
		detail = b.Says(new(T), &value)
	}
	added, err := b.Store.AddRecord(audit.Note(ctx, audit.Added, detail), r, b.Now(), b.guards(&value)...)
	return Item[T]{added, value}, err
}

// Get gives one of those below something; NotFound, also where it is below something else.
func (b Book[T]) Get(ctx context.Context, below Below, id int64) (Item[T], error) {
	r, err := b.Store.Record(ctx, b.Kind, id)
	if err != nil {
		return Item[T]{}, err
	}
	if below.Company != 0 && r.Company != below.Company || below.Owner != 0 && r.Owner != below.Owner {
		return Item[T]{}, Missing(b.Kind, id)
	}
	return decode[T](r)
}

// List gives all below something, by number.
func (b Book[T]) List(ctx context.Context, below Below) ([]Item[T], error) {
	records, err := b.Store.Records(ctx, b.Kind, below)
	if err != nil {
		return nil, err
	}
	return decodeAll[T](records)
}

// Change replaces a value by what edit makes of it, on what is there at that moment. What changes nothing is not kept.
func (b Book[T]) Change(ctx context.Context, below Below, id int64, edit func(*T) error) (Item[T], error) {
	return b.change(ctx, below, id, audit.Changed, func(item *Item[T]) error { return edit(&item.Value) })
}

// Remove removes a record; its number is not given again. The error of a when, which looks at what is there, is the answer.
func (b Book[T]) Remove(ctx context.Context, below Below, id int64, when ...func(*Item[T]) error) error {
	_, err := b.change(ctx, below, id, audit.Removed, func(item *Item[T]) error {
		for _, allowed := range when {
			if err := allowed(item); err != nil {
				return err
			}
		}
		now := usage.Truncate(b.Now())
		item.RemovedAt = &now
		return nil
	})
	return err
}

func (b Book[T]) change(ctx context.Context, below Below, id int64, action string, edit func(*Item[T]) error) (item Item[T], err error) {
	err = fault.Again(func() error {
		if item, err = b.Get(ctx, below, id); err != nil {
			return err
		}
		was, err := decode[T](item.Record) // apart from the value that is edited
		if err != nil {
			return err
		}
		if err := edit(&item); err != nil {
			return err
		}
		if item.Body = encode(item.Value); item.Body == was.Body && item.RemovedAt == nil {
			return nil
		}
		now := usage.Truncate(b.Now())
		item.ChangedAt = now
		if item.RemovedAt != nil {
			return b.Store.UpdateRecord(audit.Note(ctx, action, ""), item.Record, now)
		}
		detail := strings.Join(audit.Differing(was.Body, item.Body), ", ")
		if b.Says != nil {
			detail = b.Says(&was.Value, &item.Value)
		}
		return b.Store.UpdateRecord(audit.Note(ctx, action, detail), item.Record, now, b.guards(&item.Value)...)
	})
	return item, err
}

func (b Book[T]) guards(value *T) []Guard {
	if b.Fits == nil {
		return nil
	}
	return []Guard{func(others []Record) error {
		items, err := decodeAll[T](others)
		if err != nil {
			return err
		}
		return b.Fits(value, items)
	}}
}

// encode cannot fail: values are plain structs, and maps of what was JSON.
func encode(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func decodeAll[T any](records []Record) (items []Item[T], err error) {
	items = make([]Item[T], len(records))
	for i := range records {
		if items[i], err = decode[T](records[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func decode[T any](r Record) (Item[T], error) {
	item := Item[T]{Record: r}
	if err := json.Unmarshal([]byte(r.Body), &item.Value); err != nil {
		return item, fault.Wrap(err, fault.Internal, "what is kept as %s %d cannot be read", r.Kind, r.ID)
	}
	return item, nil
}
