package storetest

import (
	"testing"

	"github.com/tallystick/tallystick/internal/store"
)

var randomTests = map[string]func(*testing.T, store.Store){}
