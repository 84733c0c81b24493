package cli

import (
	"bytes"
	"context"
	"database/sql"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tallystick/tallystick/internal/store/pgtest"
)

// asProgram makes this test binary the program itself, for tests that kill it.
const asProgram = "TALLYSTICK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"tallystick": func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs whole command lines, one story a file.
func TestScripts(t *testing.T) {
	t.Parallel()
	urls, there := databases(t, "POSTGRES", "POSTGRES_OTHER", "POSTGRES_CATALOGUE")
	testscript.Run(t, testscript.Params{
		Dir:       "testdata/script",
		Condition: func(name string) (bool, error) { return name == "postgres" && there, nil },
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitFor, "takekey": takeKey},
		Setup: func(e *testscript.Env) error {
			for name, url := range urls {
				e.Setenv(name, url)
			}
			e.Setenv("TALLYSTICK_DATA", e.WorkDir+"/data")
			if err := drawLogo(filepath.Join(e.WorkDir, "logo.png")); err != nil {
				return err
			}
			e.Setenv("BIN", filepath.SplitList(e.Getenv("PATH"))[0]) // where testscript put the program, and nothing else
			return nil
		},
	})
}

// drawLogo makes a picture, which a script cannot hold.
func drawLogo(path string) error {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 30, 10))); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// databases gives the URLs of empty databases by name, where there is a server.
func databases(t *testing.T, names ...string) (urls map[string]string, there bool) {
	t.Helper()
	urls = map[string]string{}
	t.Run("postgres", func(sub *testing.T) { // which is skipped alone
		pgtest.Server(sub)
		for _, name := range names {
			urls[name], there = pgtest.Database(t), true
		}
	})
	return urls, there
}

// waitFor waits until a console holds the lock of a database.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	const held = `SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.classid = 701835627 AND d.datname = current_database())`
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", args[0])
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	for there := false; !there; {
		ts.Check(db.QueryRowContext(ctx, held).Scan(&there))
	}
}

// takeKey puts the first fingerprint in a file into the environment, under a name.
func takeKey(ts *testscript.TestScript, _ bool, args []string) {
	key := regexp.MustCompile("[0-9a-f]{64}").FindString(ts.ReadFile(args[0]))
	if key == "" {
		ts.Fatalf("%s holds no fingerprint", args[0])
	}
	ts.Setenv(args[1], key)
}
