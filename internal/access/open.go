package access

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// OpenSession is a log-in that can still be used or refreshed, as people see it: without its tokens.
type OpenSession struct {
	ID    string    // names it where it is revoked
	Began time.Time // the log-in; zero where an older version made it
	// Renewed is when its tokens were last given out: at the log-in, or by a refresh. Requests in between are not kept;
	// since an access token lives an hour, the last one is at most that much later.
	Renewed time.Time
	Until   time.Time // when it ends unless it is refreshed before
	From    Client    // who was last given tokens
}

// OpenSessions gives the open sessions of a user, those renewed last first, at most limit. NotFound: there is no such user.
func (s *Service) OpenSessions(ctx context.Context, user UserID, limit int) ([]OpenSession, error) {
	if _, err := s.Users.User(ctx, user); err != nil {
		return nil, err
	}
	pairs, err := s.Sessions.SessionsOf(ctx, user, limit, s.Now())
	if err != nil {
		return nil, err
	}
	list := make([]OpenSession, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		list[i] = OpenSession{ID: p.Family, Began: p.Began, Renewed: p.renewed(), Until: p.RefreshEnd, From: p.From}
	}
	return list, nil
}

// renewed is when the pair was given out.
func (s *Session) renewed() time.Time {
	if !s.AccessEnd.Before(s.RefreshEnd) { // a browser's, which is never renewed
		return s.Began
	}
	return s.AccessEnd.Add(-programLives.access)
}

// Revoke ends one session of a user. NotFound: the user has none of that name.
func (s *Service) Revoke(ctx context.Context, user UserID, id string) error {
	if id == "" { // which means all, to a store
		return fault.New(fault.NotFound, "there is no session without a name")
	}
	_, err := s.end(audit.Note(ctx, audit.Changed, fmt.Sprintf("session %s revoked", id)), user, id)
	return err
}

// RevokeAll ends all sessions of a user and gives how many were open. NotFound: there is no such user.
func (s *Service) RevokeAll(ctx context.Context, user UserID) (int, error) {
	return s.end(audit.Note(ctx, audit.Changed, "all sessions revoked"), user, "")
}

func (s *Service) end(ctx context.Context, user UserID, id string) (int, error) {
	n, err := s.Sessions.EndSessions(ctx, user, id, s.Now())
	if err == nil {
		s.Forget()
	}
	return n, err
}

const agentMax = 200 // characters

// shownAgent keeps of what a program says of itself what can be shown on a screen: anybody can send anything.
func shownAgent(agent string) string {
	agent = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, agent))
	if runes := []rune(agent); len(runes) > agentMax {
		agent = string(runes[:agentMax])
	}
	return agent
}
