package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// The environment that scripts/with-postgres makes.
const (
	serverVariable  = "TALLYSTICK_TEST_POSTGRES"
	requireVariable = "REQUIRE_POSTGRES"
)

// dropMax bounds how long the end of a test waits for its database to go.
const dropMax = time.Minute

// Database gives the URL of a new empty database that is dropped when the test ends. Each text of with is added to
// CREATE DATABASE ("ENCODING 'LATIN1'"); without any it has the encoding UTF8 and compares by bytes.
func Database(t testing.TB, with ...string) string {
	t.Helper()
	server := Server(t)
	if len(with) == 0 {
		with = []string{"ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"}
	}
	name := "t_" + strings.ToLower(rand.Text())
	execute(t.Context(), t, server, "CREATE DATABASE "+name+" TEMPLATE template0 "+strings.Join(with, " "))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dropMax)
		defer cancel()
		execute(ctx, t, server, "DROP DATABASE "+name+" WITH (FORCE)")
	})
	u := parse(t, server)
	u.Path = "/" + name
	return u.String()
}

// Schema gives the URL of a new empty schema of a database, which is quicker to make than another database.
func Schema(t testing.TB, database string) string {
	t.Helper()
	name := "s_" + strings.ToLower(rand.Text())
	execute(t.Context(), t, database, "CREATE SCHEMA "+name)
	u := parse(t, database)
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	return u.String()
}

// Server gives the URL of the server's own database, for a user who may create others. It skips the test, or fails
// it, where there is none.
func Server(t testing.TB) string {
	t.Helper()
	server := os.Getenv(serverVariable)
	switch {
	case server != "":
	case os.Getenv(requireVariable) == "1":
		t.Fatalf("%s is not set, and %s=1: run the tests through scripts/with-postgres", serverVariable, requireVariable)
	default:
		t.Skipf("%s is not set: scripts/with-postgres go test … starts a server", serverVariable)
	}
	return server
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("the URL of the test's server cannot be read: %v", err)
	}
	return u
}

func execute(ctx context.Context, t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
