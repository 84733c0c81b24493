package postgres

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// TestServerCrashes ends the server at once while three writers append, and starts it again: nothing that was
// acknowledged is lost, what fails meanwhile says that it can be tried again, and the same store goes on working.
func TestServerCrashes(t *testing.T) {
	t.Parallel()
	const crashes, writers = 5, 3
	cluster := pgtest.NewCluster(t)
	s := openAt(t, cluster.URL())
	storetest.OneServer(t, s)
	acknowledged := make(map[storetest.Append]usage.Position)
	for crash := range crashes {
		var mu sync.Mutex
		var wg sync.WaitGroup
		begun := make(chan struct{}, writers)
		for writer := range writers {
			wg.Go(func() {
				for n := crash * 1000; ; n++ {
					a := storetest.Append{Writer: writer, Number: n}
					r, err := s.AppendSnapshot(t.Context(), 1, a.Snapshot(), time.Now())
					if !fault.Is(err, fault.Unavailable) && err != nil {
						t.Errorf("%v: %v (%v)", a, err, errors.Unwrap(err))
					}
					if n == crash*1000 {
						begun <- struct{}{}
					}
					if err != nil {
						return
					}
					mu.Lock()
					acknowledged[a] = r.Position
					mu.Unlock()
				}
			})
		}
		<-begun
		<-time.After(time.Duration(rand.IntN(100_000)) * time.Microsecond) // anywhere in a transaction
		cluster.Crash()
		wg.Wait()
		cluster.Start()
		storetest.StillThere(t, s, acknowledged) // in the same store, all of whose connections are gone
		checkWhole(t, s)
		if t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	t.Logf("%d acknowledged snapshots survived %d crashes", len(acknowledged), crashes)
}
