package postgres

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A machine that vanished in the middle of a step is given up after a minute, not after the system's quarter of an hour.
func TestVanishedServerIsGivenUp(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	parsed, err := parse("postgres://u@" + listener.Addr().String() + "/d")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := parsed.DialFunc(t.Context(), "tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	var failed error
	if err := raw.Control(func(fd uintptr) { got, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if time.Duration(got)*time.Millisecond != silentMax {
		t.Errorf("after %d ms", got)
	}
}
