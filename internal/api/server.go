package api

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// The limits of a connection. A slow client holds a connection, never a worker for ever.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 3 * time.Minute // longer than the usual interval of a scraper, so that it keeps its connection
	headerBytesMax    = 64 << 10
)

// NewServer gives a server for TLS 1.2 and newer that speaks HTTP/1.1 with
// keep-alive. HTTP/2 is off: with one stream per connection, which is how API
// clients use it, it answers about half as many requests.
func NewServer(h http.Handler, cert tls.Certificate, log *slog.Logger) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		// Handshakes that strangers break off are no news.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
