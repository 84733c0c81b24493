package postgres

import (
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 18

// giveUp ends a connection whose other side has not said for silentMax that it received what was sent: the probes look
// after silent connections only, and by itself the system tries again for a quarter of an hour.
func giveUp(network, _ string, raw syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silentMax.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
