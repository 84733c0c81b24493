package postgres

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// retryAfter is how long a caller waits before it tries again what another writer, or a server that restarts, held up.
const retryAfter = time.Second

// known is what a SQLSTATE means to a caller.
type known struct {
	code  fault.Code
	text  string
	again bool // the same call is likely to succeed in a moment
}

// states has SQLSTATE codes; classes has their first two characters, for those not named.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var (
	states = map[string]known{
		"23505": {fault.Conflict, "the same is already there", false},
		"23503": {fault.Conflict, "what it refers to is not there", false},
		"22021": {fault.Invalid, "it holds a character that the database cannot keep", false},
		"54000": {fault.Invalid, "it is too large for the database", false},
		"25006": {fault.Unavailable, "the database is read-only", false},
		"25P03": {fault.Unavailable, "the database gave up waiting for the program", true},
		"42501": {fault.Unavailable, "the database user lacks a right that is needed", false},
		"3D000": {fault.Unavailable, "there is no such database", false},
		"3F000": {fault.Unavailable, "there is no such schema", false},
		"40P01": {fault.Unavailable, busyText, true},
		"53100": {fault.Unavailable, "the disk of the database server is full", false},
		"53200": {fault.Unavailable, "the database server is out of memory", false},
		"53300": {fault.Unavailable, "the database server has no connection left", true},
		"55P03": {fault.Unavailable, busyText, true},
		"57014": {fault.Unavailable, "the call was interrupted", false},
		"58030": {fault.Unavailable, "the disk of the database server cannot be read or written", false},
		"XX001": {fault.Internal, damagedText, false},
		"XX002": {fault.Internal, damagedText, false},
	}
	classes = map[string]known{
		"08": {fault.Unavailable, lostText, true},
		"28": {fault.Unavailable, "the database server refused the log-in", false},
		"40": {fault.Unavailable, busyText, true},
		"53": {fault.Unavailable, "the database server lacks a resource", false},
		"57": {fault.Unavailable, "the database server is stopping or starting", true},
		"58": {fault.Unavailable, "the database server has trouble with its machine", false},
	}
)

const (
	busyText    = "the database is busy: another process is writing; try again"
	lostText    = "the connection to the database was lost, or the server does not answer"
	damagedText = "the database is damaged: restore it from a backup"
)

// toFault turns an error of the driver into a fault by its SQLSTATE.
func toFault(err error) error {
	k, ok := states[sqlState(err)]
	if !ok {
		k, ok = classes[class(err)]
	}
	switch {
	case ok:
	case lostConnection(err):
		k = classes["08"]
	default:
		k = known{code: fault.Internal, text: "the database failed"}
	}
	f := fault.Wrap(err, k.code, "%s", k.text)
	if k.again {
		f.RetryAfter = retryAfter
	}
	return f
}

// sqlState gives the server's code; empty where err is none of the server's.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func class(err error) string {
	state := sqlState(err)
	return state[:min(2, len(state))]
}

// lostConnection reports whether the connection is gone, or never came about, for reasons that pass: the network's,
// or that the server ended it. What the server refuses otherwise comes with a code of its own.
func lostConnection(err error) bool {
	switch class(err) {
	case "":
	case "08":
		return true
	case "57":
		return sqlState(err) != "57014" // that one cancels a statement, not the connection
	default:
		return sqlState(err) == "25P03"
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
