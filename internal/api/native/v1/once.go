package v1

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/once"
)

const keyHeader = "Idempotency-Key"

const (
	rememberWithin = 5 * time.Second
	// An answer that is not kept yet may be about to be: a request that comes meanwhile waits for it.
	waitForAnswer = 2 * time.Second
	lookForAnswer = 50 * time.Millisecond
)

// once asks an endpoint. A write that names itself by a key is done once, however often it comes within a day, also where the program
// ended in the middle of it (draft-ietf-httpapi-idempotency-key-header).
func (s *Surface) once(c *call, e endpoint) (api.Raw, error) {
	key := c.Header.Get(keyHeader)
	if key == "" || e.repeatable || c.Method == http.MethodGet || c.Method == http.MethodHead {
		return s.ask(c, e)
	}
	body, err := api.ReadBody(c.Request)
	if err != nil {
		return api.Raw{}, err
	}
	// Another token of the user is another caller: it may see less than what the first one was answered with.
	token := strconv.FormatInt(int64(c.actor.Token), 10)
	mark, err := s.Mark(c.ctx(), body)
	if err != nil {
		return api.Raw{}, err
	}
	request, err := once.NewRequest(c.actor.User, keyHeader, key, token, c.Method, c.URL.EscapedPath(), c.URL.RawQuery, string(mark))
	if err != nil {
		return api.Raw{}, err
	}
	if raw, done, err := s.again(c, request); done || err != nil {
		return raw, err
	}
	c.Request = c.WithContext(once.With(c.ctx(), request))
	c.Body = io.NopCloser(bytes.NewReader(body))
	raw, err := s.ask(c, e)
	if once.IsTaken(err) { // the same request at the same time was quicker
		raw, _, err = s.again(c, request)
		return raw, err
	}
	if err != nil {
		return raw, err
	}
	if e.secret {
		return raw, nil
	}
	// The write is done: where its answer cannot be kept, a repetition is told so.
	kept, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), rememberWithin) // also where the caller has gone: it comes again
	defer cancel()
	_ = s.Once.Remember(kept, request.User, request.Key, answerOf(&raw))
	return raw, nil
}

func (s *Surface) ask(c *call, e endpoint) (api.Raw, error) {
	value, err := e.do(c)
	if err != nil {
		return api.Raw{}, err
	}
	return s.answer(c, value)
}

// again gives the answer of a request that was done before; done is false where it was not.
func (s *Surface) again(c *call, request once.Request) (raw api.Raw, done bool, err error) {
	before, err := s.recall(c, request)
	switch {
	case fault.Is(err, fault.NotFound):
		return raw, false, nil
	case err != nil:
		return raw, false, err
	case before.Fingerprint != request.Fingerprint:
		return raw, false, &api.StatusError{Status: http.StatusUnprocessableEntity, Err: fault.New(fault.Invalid,
			"The key %q was given with another request: each request has a key of its own.", request.Key)}
	case before.Answer.Status == 0:
		return raw, false, fault.New(fault.Conflict, "A request with the key %q was done at %s, and its answer is not kept: read what is there.",
			request.Key, before.At.UTC().Format(time.RFC3339))
	}
	a := &before.Answer
	raw = api.Raw{Status: a.Status, ContentType: a.ContentType, Body: a.Body, Fields: []api.Field{{Name: "Idempotency-Replayed", Values: []string{"true"}}}}
	for name, value := range map[string]string{"Etag": a.ETag, "Location": a.Location} {
		if value != "" {
			raw.Fields = append(raw.Fields, api.Field{Name: name, Values: []string{value}})
		}
	}
	return raw, true, nil
}

// recall waits a while for the answer of a request that is being done.
func (s *Surface) recall(c *call, request once.Request) (once.Done, error) {
	late := time.After(waitForAnswer)
	for {
		before, err := s.Once.Recall(c.ctx(), request.User, request.Key)
		if err != nil || before.Answer.Status != 0 || before.Fingerprint != request.Fingerprint || s.Now().Sub(before.At) > waitForAnswer {
			return before, err
		}
		select {
		case <-late:
			return before, nil
		case <-c.ctx().Done():
			return before, c.ctx().Err()
		case <-time.After(lookForAnswer):
		}
	}
}

// answerOf is what is kept of an answer.
func answerOf(raw *api.Raw) once.Answer {
	a := once.Answer{Status: raw.Status, ContentType: raw.ContentType, Body: raw.Body}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	for _, f := range raw.Fields {
		switch f.Name {
		case "Etag":
			a.ETag = f.Values[0]
		case "Location":
			a.Location = f.Values[0]
		}
	}
	return a
}
