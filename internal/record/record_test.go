package record_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/record"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

type note struct {
	Text  string `json:"text"`
	Count int    `json:"count,omitempty"`
}

// newBook gives a book over an empty store.
func newBook(t *testing.T) (record.Book[note], *sqlite.Store) {
	t.Helper()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return record.Book[note]{Kind: "note", Store: s, Now: clock.Now}, s
}

func TestBook(t *testing.T) {
	t.Parallel()
	b, s := newBook(t)
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "test"})
	added, err := b.Add(ctx, record.Below{Owner: 5}, note{Text: "<first>"})
	if err != nil || added.ID != 1 || added.Body != `{"text":"<first>"}` {
		t.Fatalf("%+v, %v", added, err)
	}
	for _, below := range []record.Below{{Owner: 6}, {Company: 2}} {
		if _, err := b.Get(ctx, below, 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v", below, err)
		}
		if _, err := b.Change(ctx, below, 1, func(*note) error { t.Error("it was asked"); return nil }); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v", below, err)
		}
		if err := b.Remove(ctx, below, 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v", below, err)
		}
	}
	refused := errors.New("refused")
	if _, err := b.Change(ctx, record.Below{}, 1, func(n *note) error { n.Text = "no"; return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if _, err := b.Change(ctx, record.Below{}, 1, func(*note) error { return nil }); err != nil { // nothing changes
		t.Error(err)
	}
	if got, err := b.Change(ctx, record.Below{Owner: 5}, 1, func(n *note) error { n.Count = 3; return nil }); err != nil || got.Value.Count != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := b.List(ctx, record.Below{Owner: 5}); err != nil || len(list) != 1 || list[0].Value != (note{"<first>", 3}) {
		t.Errorf("%+v, %v", list, err)
	}
	if err := b.Remove(ctx, record.Below{}, 1); err != nil {
		t.Error(err)
	}
	if _, err := b.Get(ctx, record.Below{}, 1); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	entries, err := s.Audit(ctx, audit.Query{})
	if err != nil || len(entries) != 3 || entries[1].Detail != "count" || entries[0].Action != audit.Removed || entries[2].Name != "jane" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// Of many who add to one value at once, none is lost.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	b, _ := newBook(t)
	if _, err := b.Add(t.Context(), record.Below{}, note{Text: "n"}); err != nil {
		t.Fatal(err)
	}
	const many = 8
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			if _, err := b.Change(t.Context(), record.Below{}, 1, func(n *note) error { n.Count++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := b.Get(t.Context(), record.Below{}, 1); err != nil || got.Value.Count != many {
		t.Errorf("%+v, %v", got, err)
	}
}

// damaged gives one record with another body.
type damaged struct {
	record.Store
	body string
}

func (d damaged) Record(context.Context, record.Kind, int64) (record.Record, error) {
	return record.Record{Kind: "note", ID: 1, Body: d.body}, nil
}

func (d damaged) Records(context.Context, record.Kind, record.Below) ([]record.Record, error) {
	return []record.Record{{Kind: "note", ID: 1, Body: d.body}}, nil
}

// What cannot be read is never taken for an empty value.
func TestDamagedValue(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{", `{"count":"x"}`, "[]"} {
		b := record.Book[note]{Kind: "note", Store: damaged{body: body}, Now: time.Now}
		_, one := b.Get(t.Context(), record.Below{}, 1)
		_, all := b.List(t.Context(), record.Below{})
		_, changed := b.Change(t.Context(), record.Below{}, 1, func(*note) error { return nil })
		for _, err := range []error{one, all, changed} {
			if !fault.Is(err, fault.Internal) {
				t.Errorf("%q: %v", body, err)
			}
		}
	}
}
