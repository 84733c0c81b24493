package postgres

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// TestServerCrashes ends the server at once while many sides append, and starts it again: nothing that was acknowledged
// is lost, what fails meanwhile says that it can be tried again, and the same store goes on working.
func TestServerCrashes(t *testing.T) {
	t.Parallel()
	const crashes = 5
	cluster := pgtest.NewCluster(t)
	s := openAt(t, cluster.URL())
	storetest.KillServers(t, s)
	acknowledged := make(map[storetest.Append]usage.Position)
	for crash := range crashes {
		appendAndCrash(t, cluster, s, acknowledged)
		storetest.StillThere(t, s, acknowledged, acknowledged) // in the same store, all of whose connections are gone
		checkWhole(t, s)
		if t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	t.Logf("%d acknowledged steps survived %d crashes", len(acknowledged), crashes)
}

// appendAndCrash crashes the server behind some new steps, anywhere in a transaction.
func appendAndCrash(t *testing.T, cluster *pgtest.Cluster, s *Store, acknowledged map[storetest.Append]usage.Position) {
	t.Helper()
	steps, err := storetest.AppendOn(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	begun, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		left := 1 + rand.IntN(50)
		for step := range steps { // until every side has failed
			if step.Err != nil {
				if !fault.Is(step.Err, fault.Unavailable) {
					t.Errorf("%v: %v (%v)", step.Append, step.Err, errors.Unwrap(step.Err))
				}
				continue
			}
			if _, seen := acknowledged[step.Append]; !seen {
				if left--; left == 0 {
					close(begun)
				}
			}
			acknowledged[step.Append] = step.Position
		}
	}()
	select {
	case <-begun:
	case <-over:
		t.Fatal("all sides failed before the server crashed")
	}
	<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond)
	cluster.Crash()
	<-over
	cluster.Start()
}
