package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

const (
	// writersMax is two: while one transaction commits, the next has begun and waits for the lock.
	writersMax = 2
	// readersMax bounds the reading connections; each is a process on the server.
	readersMax = 8
	// idleMax closes connections that nobody uses, before something on the way forgets them.
	idleMax = 5 * time.Minute
	// connectMax is how long a connection may take to come about, unless the URL says otherwise.
	connectMax = 10 * time.Second
	// probes of a silent connection: one that is dead is known to be after a minute.
	probeIdle, probeInterval, probeCount = 30 * time.Second, 10 * time.Second, 3
	silentMax                            = probeIdle + probeCount*probeInterval

	versionMin = 130000
)

// Store is an open database.
type Store struct {
	*sqlstore.Store
	writer, reader *sql.DB

	config    *pgx.ConnConfig
	mu        sync.Mutex      // held while closing ends or a listener begins
	closing   context.Context // ends when the store is closed
	close     context.CancelFunc
	listeners sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Option changes how a store is opened.
type Option func(*sqlstore.Options)

// Now sets the clock at which "values now" of companies and servers are valid; the default is the system's.
func Now(now func() time.Time) Option { return func(o *sqlstore.Options) { o.Now = now } }

// Open opens the database at url (postgres://USER:PASSWORD@HOST:PORT/DATABASE?…, as libpq reads it), in its current
// schema, and migrates as needed. Several processes may have it open. Errors name host and database and never the
// password: Unavailable where it cannot be reached or written, Unsupported where the server is too old or a newer
// program wrote it, Invalid where the URL is wrong or another program lives there, Internal where it is damaged.
func Open(ctx context.Context, url string, options ...Option) (*Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{config: config, writer: pool(config, writersMax)}
	for _, step := range []func(context.Context, *sql.DB) error{inspect, migrate} {
		if err := step(ctx, s.writer); err != nil {
			return nil, errors.Join(atServer(ctx, config, err), s.writer.Close())
		}
	}
	herald(ctx, s.writer)
	s.reader = pool(config, readersMax)
	o := sqlstore.Options{
		Writer: s.writer, Reader: s.reader, Fault: toFault, Lost: lostConnection,
		Describe: describe, ByBytes: ` COLLATE "C"`, Bulk: copyIn,
		Lock:         `SELECT version FROM meta WHERE id = 1 FOR UPDATE`,
		WriteOptions: &sql.TxOptions{Isolation: sql.LevelReadCommitted}, // what is read after the lock is what is committed
		ReadOptions:  &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	}
	for _, option := range options {
		option(&o)
	}
	s.Store = sqlstore.New(o)
	s.closing, s.close = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// parse reads the URL. What is wrong with it is not told in the parser's words: parts of a password that is not
// escaped can be in them.
func parse(url string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, fault.New(fault.Invalid, "the database's URL begins with postgres://")
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the database's URL cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, "+
			"with %%XX for special characters in the password (%%2F for /), and only options that libpq knows")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectMax
	}
	dialer := &net.Dialer{Timeout: config.ConnectTimeout, Control: giveUp, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: probeIdle, Interval: probeInterval, Count: probeCount,
	}}
	config.DialFunc = dialer.DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "tallystick"
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	return config, nil
}

// settleSQL makes every connection keep what the store promises: a commit is on the disk when it returns, a writer
// that waits for another says so after ten seconds, and a program that hangs in the middle does not hold up others.
// It is a statement and no part of the log-in, where a pooler in between would refuse what it does not know.
const settleSQL = `SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
 set_config('lock_timeout', '10s', false), set_config('idle_in_transaction_session_timeout', '60s', false)`

func pool(config *pgx.ConnConfig, connections int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, settleSQL)
		return err
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idleMax)
	return db
}

const inspectSQL = `SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), current_setting('server_encoding'),
 COALESCE(current_schema(), ''), pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'`

// server is what decides whether a server can keep the ledger.
type server struct {
	number                    int64 // 150004 for 15.4
	version, encoding, schema string
	readOnly                  bool
}

func inspect(ctx context.Context, db *sql.DB) error {
	var v server
	if err := db.QueryRowContext(ctx, inspectSQL).Scan(&v.number, &v.version, &v.encoding, &v.schema, &v.readOnly); err != nil {
		return err
	}
	return suits(v)
}

func suits(v server) error {
	switch {
	case v.number < versionMin:
		return fault.New(fault.Unsupported, "the server is PostgreSQL %s; %d or newer is needed", v.version, versionMin/10000)
	case v.encoding != "UTF8":
		return fault.New(fault.Invalid, "its encoding is %s; create it with ENCODING 'UTF8' TEMPLATE template0", v.encoding)
	case v.schema == "":
		return fault.New(fault.Invalid, "none of the schemas in its search_path exists")
	case v.readOnly:
		return fault.New(fault.Unavailable, "the server is read-only: a standby, or set so")
	}
	return nil
}

// place names host and database, in words that hold no secret.
func place(config *pgx.ConnConfig) string {
	host := config.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, fmt.Sprint(config.Port))
	}
	return fmt.Sprintf("the database %q on %s", config.Database, host)
}

// atServer names the server in what went wrong while opening.
func atServer(ctx context.Context, config *pgx.ConnConfig, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Wrap(ctx.Err(), fault.Unavailable, "%s did not answer in time", place(config))
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), fault.Unavailable, "opening %s was cancelled", place(config))
	}
	var f *fault.Error
	if !errors.As(err, &f) && !errors.As(toFault(err), &f) {
		return fault.Wrap(err, fault.Internal, "%s cannot be opened", place(config))
	}
	text := f.Message
	if refused := reason(err); refused != "" {
		text += " (" + refused + ")"
	}
	opened := fault.Wrap(err, f.Code, "%s cannot be opened: %s", place(config), text)
	opened.RetryAfter = f.RetryAfter
	return opened
}

// reason is the server's or the system's own word for why there is no connection; it names addresses and users only.
func reason(err error) string {
	var server *pgconn.PgError
	var network *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &server):
		return server.Message
	case errors.As(err, &name):
		return name.Err
	case errors.As(err, &network):
		return network.Err.Error()
	default:
		return ""
	}
}
