package api_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

type made struct {
	cert        tls.Certificate
	fingerprint string
	made        bool
}

func selfSigned(t testing.TB, dir string, now time.Time, hosts ...string) made {
	t.Helper()
	cert, fingerprint, fresh, err := api.SelfSigned(dir, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return made{cert, fingerprint, fresh}
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	dir, now := filepath.Join(t.TempDir(), "data", "tls"), time.Now()
	first := selfSigned(t, dir, now, "Tally.example.", "10.1.2.3", "0.0.0.0", "::", "", "tally.EXAMPLE", "bad host!")
	leaf := first.cert.Leaf
	if sum := sha256.Sum256(leaf.Raw); !first.made || first.fingerprint != hex.EncodeToString(sum[:]) {
		t.Errorf("made %v, fingerprint %s", first.made, first.fingerprint)
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", leaf.PublicKey)
	}
	// Trusted by itself, it is good for each of its names.
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	names := []string{"localhost", "127.0.0.1", "::1", "tally.example", "10.1.2.3"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, name := range names {
		if net.ParseIP(name) != nil {
			name = "[" + name + "]"
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := fmt.Sprint(leaf.DNSNames, leaf.IPAddresses); strings.Count(text, "tally") != 1 || strings.Contains(text, "bad") || strings.Contains(text, "0.0.0.0") {
		t.Errorf("names %s", text)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "key.pem"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}

	if again := selfSigned(t, dir, now.AddDate(9, 11, 0), "other"); again.made || again.fingerprint != first.fingerprint {
		t.Error("it is made once, and stays")
	}
	if later := selfSigned(t, dir, now.AddDate(10, 0, 1)); !later.made || later.fingerprint == first.fingerprint {
		t.Error("one that has ended is replaced")
	}
}

func TestACertificateThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	selfSigned(t, dir, time.Now())
	selfSigned(t, other, time.Now())
	certPath, keyPath := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, c := range map[string]struct{ cert, key, says string }{
		"foreign key": {certPath, filepath.Join(other, "key.pem"), "does not match"},
		"swapped":     {keyPath, certPath, "certificate"},
		"missing":     {certPath, filepath.Join(dir, "no.pem"), "no.pem"},
	} {
		_, _, err := api.LoadCertificate(c.cert, c.key)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is damaged is not written over.
	if err := os.WriteFile(certPath, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := api.SelfSigned(dir, nil, time.Now()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), certPath) {
		t.Errorf("%v", err)
	}
	// A key without its certificate is half a beginning: both are made anew.
	if err := os.Remove(certPath); err != nil {
		t.Fatal(err)
	}
	if !selfSigned(t, dir, time.Now()).made {
		t.Error("nothing was made")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := api.SelfSigned(filepath.Join(file, "tls"), nil, time.Now()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

// serve runs the test surface behind TLS and gives its address.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := api.NewServer(h, selfSigned(t, t.TempDir(), time.Now()).cert, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func dial(t testing.TB, address string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	config.InsecureSkipVerify = true
	dialer := tls.Dialer{Config: config}
	connection, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection.(*tls.Conn), nil //nolint:errcheck,forcetypeassert // documented
}

func TestTheConnection(t *testing.T) {
	t.Parallel()
	address := serve(t, newFrame(t, io.Discard, testSurface()))
	if _, err := dial(t, address, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c, err := dial(t, address, &tls.Config{MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
			t.Errorf("protocol %q", p)
		}
		// Header spellings of clients; then the same connection again.
		reader := bufio.NewReader(c)
		for _, header := range []string{"Authorization:Bearer " + token, "authorization: bearer " + token, "AUTHORIZATION:\tBearer " + token + " "} {
			if _, err := fmt.Fprintf(c, "GET /V2/tenants/a%%2Fb HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", header); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusOK || string(body) != `["a/b"]` || answer.ContentLength != int64(len(body)) || answer.Close {
				t.Errorf("%q: %s %s, %v", header, answer.Status, body, err)
			}
		}
	}
}

// A body that is announced too long is refused before it is sent; one that turns out so, too.
func TestLongBodiesOverTheWire(t *testing.T) {
	t.Parallel()
	address := serve(t, newFrame(t, io.Discard, testSurface()))
	for name, text := range map[string]string{
		"announced": "Content-Length: 99999999999\r\n\r\n",
		"chunked":   "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n",
	} {
		c, err := dial(t, address, &tls.Config{MinVersion: tls.VersionTLS13})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "POST /token HTTP/1.1\r\nHost: x\r\n"+text); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s, %v", name, answer.Status, err)
		}
	}
}
