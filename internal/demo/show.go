package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// reference is the example of the v2 reference (rest-v2.md §3.2), as it must come over the wire.
const reference = `[{"type":"VBR_vSphere_VM","rentalInstances":0,"newInstances":1,"usedInstances":34,"rentalCount":0,"newCount":1,"usedCount":34},` +
	`{"type":"VBR_Windows_Server_Agent","rentalInstances":0,"newInstances":0,"usedInstances":1,"rentalCount":0,"newCount":0,"usedCount":1},` +
	`{"type":"VBR_Windows_Workstation_Agent","rentalInstances":0,"newInstances":0.33,"usedInstances":0,"rentalCount":0,"newCount":1,"usedCount":0}]`

// usagePath asks for company 2's figure.
const usagePath = "/v2/tenants/2/licensing/backupServerUsage"

// checkTimeout bounds the check's own requests.
const checkTimeout = 20 * time.Second

// show runs the console from now on, until ctx ends or the check is done.
func (s *stage) show(ctx context.Context) error {
	server, err := s.app.Prepare(ctx, app.ServeOptions{Listen: s.options.Listen})
	if err != nil {
		return err
	}
	s.servers.Clock().SetSpeed(1)
	s.clock.run()
	ctx, end := context.WithCancel(ctx)
	defer end()
	var checked error
	err = server.Run(ctx, func(address string) {
		host := reachable(address)
		s.announce(host)
		if s.options.Check {
			go func() {
				defer end()
				checked = s.check(ctx, host)
			}()
		}
	})
	return errors.Join(err, checked)
}

// reachable replaces an address that means "all" by loopback.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip != nil && ip.IsUnspecified() || host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func (s *stage) announce(host string) {
	s.print("Tallystick runs on  https://%s\n", host)
	s.print("Log-in              user %s, password %s\n", userName, s.password)
	s.print("Company 2 uses      (paste this line)\n\n%s\n\n", s.curl(host))
	if !s.options.Check {
		s.print("End with Ctrl-C.\n")
	}
}

func (s *stage) print(format string, args ...any) {
	fmt.Fprintf(s.options.Stdout, format, args...) //nolint:errcheck // a message that nobody reads is lost
}

// curl is one line that logs in and asks; the certificate is self-signed, hence -k.
func (s *stage) curl(host string) string {
	return fmt.Sprintf(`curl -sk -H "Authorization: Bearer $(curl -sk https://%[1]s/token -d 'grant_type=password&username=%[2]s&password=%[3]s' `+
		`| sed 's/.*"access_token":"\([^"]*\)".*/\1/')" https://%[1]s%[4]s`, host, userName, s.password, usagePath)
}

// answer runs the printed line; on a machine without curl it sends the same two requests itself, and says so.
func (s *stage) answer(ctx context.Context, host string) ([]byte, error) {
	if _, err := exec.LookPath("curl"); err != nil {
		s.say("This machine has no curl: the check sends the same requests itself.")
		return s.request(ctx, host)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", s.curl(host)) //nolint:gosec // our own line, printed above
	cmd.Stderr = &said
	answer, err := cmd.Output()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the printed line failed (%v): %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return answer, nil
}

// request logs in and asks, as the printed line does.
func (s *stage) request(ctx context.Context, host string) ([]byte, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // our own certificate on loopback, as curl -k
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	form := "grant_type=password&username=" + userName + "&password=" + s.password
	body, err := send(ctx, client, http.MethodPost, "https://"+host+"/token", form, "")
	if err != nil {
		return nil, err
	}
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &pair); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the log-in answered %s", body)
	}
	return send(ctx, client, http.MethodGet, "https://"+host+usagePath, "", pair.Token)
}

func send(ctx context.Context, client *http.Client, method, url, form, token string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the console does not answer: %v", err)
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// check runs the printed line and compares what it shows.
func (s *stage) check(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	answer, err := s.answer(ctx, host)
	if err != nil {
		return err
	}
	s.print("%s\n", answer)
	if got := bytes.TrimSpace(answer); string(got) != reference {
		return fault.New(fault.Internal, "company 2 differs from the reference example:\n  got  %s\n  want %s", got, reference)
	}
	s.print("Company 2 shows the reference example.\n")
	return nil
}
