package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"daca/services/chat/activity"
	"daca/services/chat/agent"
	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// chat answers messages.
type chat struct {
	counts       counts
	countTimeout time.Duration
	countOutcome serve.Outcome
	agent        responder
	tasks        responder // answers what does not count, and has no tools; see front
	agentTimeout time.Duration
	tools        toolbox
	modelOutcome serve.Outcome
	events       *publisher
	sessions     *session.Sessions
	shown        *activity.Activity
	logger       *slog.Logger
}

// counts knows how many messages a user has sent, see daprClient.
type counts interface {
	Count(ctx context.Context, user contract.UserID) (int64, error)
}

// responder answers a request, see agent.Agent.
type responder interface {
	Run(ctx context.Context, request agent.Request) (agent.Answer, error)
}

// toolbox has the tools that the agent may use besides its own, see mcpclient.Servers.
type toolbox interface {
	Tools() []agent.Tool
	Notice() string // to be added to the instructions
}

// chatInput is the tutorials' Message; metadata is optional here.
type chatInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Requests of one user with the same key are one message: it is answered once, and counts once. The answer is kept for 48 hours."`
	Body           struct {
		UserID   contract.UserID `json:"user_id"`
		Text     string          `json:"text" pattern:"^[^\\x00]*$" patternDescription:"text without NUL" example:"Hello, how are you?"`
		Metadata *metadataInput  `json:"metadata,omitempty"`
		Tags     tags            `json:"tags,omitempty"`
		Replaces string          `json:"replaces,omitempty" minLength:"1" maxLength:"64" doc:"The id of a turn of the session, which has to be given. This message comes in the place of that turn and all later ones. With the same text it is the same message, which does not count again."`
	}
}

type metadataInput struct {
	Timestamp *timestamp `json:"timestamp,omitempty"`
	SessionID string     `json:"session_id,omitempty" maxLength:"256" pattern:"^[^\\x00]*$" patternDescription:"text without NUL" doc:"Comes back in the answer; made where it is missing."`
}

type chatOutput struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true if the answer was given before, to the first request with the Idempotency-Key."`
	Body     chatAnswer
}

type chatAnswer struct {
	UserID   contract.UserID `json:"user_id"`
	Reply    string          `json:"reply"`
	Metadata metadata        `json:"metadata"`
}

type metadata struct {
	Timestamp time.Time `json:"timestamp" doc:"When the answer was given, in UTC."`
	SessionID string    `json:"session_id"`
	History   history   `json:"history,omitempty" enum:"shortened,unavailable" doc:"What of the earlier turns of the session the agent did not know; absent if it knew them all."`
	Kept      *bool     `json:"kept,omitempty" doc:"false if this turn could not be added to the session; absent otherwise."`
}

// answer answers a message and publishes that it was sent. It publishes nothing for
// a message that was not answered.
func (c *chat) answer(ctx context.Context, m *message) (*chatOutput, error) {
	c.begin(m)
	request := c.prepare(ctx, m)
	running, cancel := context.WithTimeout(ctx, c.agentTimeout)
	defer cancel()
	answer, err := c.agent.Run(running, request)
	if err != nil {
		err = c.failed(ctx, running, err)
		m.shown.Fail(reasonOf(err))
		return nil, err
	}
	c.modelOutcome.Set(nil)
	event := newEvent(contract.MessageSent, m.userID, m.idempotencyKey)
	event.Received = m.received
	out, err := c.finish(ctx, m, event, answer)
	if err != nil {
		return nil, err
	}
	return &chatOutput{Body: out}, nil
}

// validate returns the answer to a message that the agent does not get to see.
func (in *chatInput) validate() error {
	if err := in.Body.UserID.Validate(); err != nil {
		return fastapi.Unprocessable("value_error", err.Error(), in.Body.UserID, "body", "user_id")
	}
	if strings.TrimSpace(in.Body.Text) == "" {
		return fastapi.NewError(http.StatusBadRequest, "Message text cannot be empty")
	}
	if given := in.Body.Metadata; in.Body.Replaces != "" && (given == nil || given.SessionID == "") {
		return fastapi.Unprocessable("value_error",
			"A turn is replaced in its session: metadata.session_id is needed", in.Body.Replaces, "body", "replaces")
	}
	return nil
}

// message is what a user said, while it is answered.
type message struct {
	userID         contract.UserID
	sessionID      string // as the client gave it, or a new one
	text           string
	idempotencyKey string // or empty
	stopped        bool   // whether the user stopped the answer
	run            string // the run that answers; empty for a new one
	claim          *claim // the id and time of its event, if they are settled
	replaces       string // the id of the turn in whose place this one comes, or empty
	again          bool   // whether it is the message of that turn, which has counted
	messageCount   *int64 // what the user has sent before; nil if that is not known
	received       time.Time
	shown          *activity.Message // nil before somebody begins to answer, and for one that is answered again

	conversation *session.Conversation // nil if this replica has not opened it
	history      history
}

// message returns the message of a valid input.
func (in *chatInput) message() *message {
	m := &message{
		userID: in.Body.UserID, text: in.Body.Text, idempotencyKey: in.IdempotencyKey, replaces: in.Body.Replaces,
		received: time.Now(),
	}
	if given := in.Body.Metadata; given != nil && given.SessionID != "" {
		m.sessionID = given.SessionID
		return m
	}
	m.sessionID = uuid.NewString()
	m.conversation = session.Begin(m.userID, m.sessionID)
	return m
}

// begin shows that the message is being answered.
func (c *chat) begin(m *message) {
	if m.shown == nil && !m.again {
		m.shown = c.shown.Begin(contract.MessageSent, m.userID, m.received)
	}
}

// reasonOf says to people who watch why a message was not answered.
func reasonOf(err error) string {
	var known *fastapi.Error
	if errors.As(err, &known) {
		return known.Error()
	}
	return "Internal Server Error"
}

// prepare finds out what the agent has to know to answer the message. What cannot be
// found out is left out: prepare always returns a request.
func (c *chat) prepare(ctx context.Context, m *message) agent.Request {
	var opening sync.WaitGroup
	opening.Go(func() { c.recall(ctx, m) })
	instructions := agent.Instructions(c.countBefore(ctx, m))
	opening.Wait()
	return agent.Request{
		Instructions: instructions + c.tools.Notice(),
		History:      m.conversation.History,
		Text:         m.text,
		Tools:        c.tools.Tools(),
	}
}

// finish publishes the event of a message that is answered, unless that has counted before,
// adds the turn to its session, and returns what the client gets. Without an error the event
// is in the broker or on disk. It goes on after the end of ctx. For one event it may be
// called again, on any replica.
func (c *chat) finish(
	ctx context.Context, m *message, event contract.Event, answer agent.Answer,
) (out chatAnswer, err error) {
	var keeping sync.WaitGroup
	keep := func() {
		if !c.keep(ctx, m, event, answer) {
			out.Metadata.Kept = new(false)
		}
	}
	if m.replaces == "" {
		keeping.Go(keep)
	}
	if !m.again {
		key := m.idempotencyKey
		if m.claim != nil { // there is nothing left to agree on
			key = ""
		}
		err = c.publish(ctx, m.shown, event, key)
	}
	if m.replaces != "" && err == nil { // a failure replaces nothing
		keep()
	}
	keeping.Wait()
	if err != nil {
		return chatAnswer{}, err
	}
	out.UserID = m.userID
	out.Reply = answer.Reply
	out.Metadata.Timestamp = time.Now().UTC().Truncate(time.Microsecond)
	out.Metadata.SessionID = m.sessionID
	out.Metadata.History = m.history
	return out, nil
}

// publish publishes the event of a message that is answered.
func (c *chat) publish(
	ctx context.Context, shown *activity.Message, event contract.Event, idempotencyKey string,
) error {
	shown.Answered(event)
	err := c.events.Publish(ctx, event, idempotencyKey)
	if err == nil {
		return nil
	}
	shown.Fail("The message was answered, and its event could not be published.")
	c.logger.ErrorContext(ctx, "the message is answered and cannot be counted", "event_id", event.ID, "error", err)
	return fastapi.NewError(http.StatusServiceUnavailable,
		"The message was answered, but neither "+contract.PubSub+" nor the spool took its event. "+
			"Send it again with the same Idempotency-Key.")
}

// count returns the user's count, and whether it is known. An unknown count is
// never passed on as 0.
func (c *chat) count(ctx context.Context, user contract.UserID) (n int64, known bool) {
	counting, cancel := context.WithTimeout(ctx, c.countTimeout)
	defer cancel()
	n, err := c.counts.Count(counting, user)
	if ctx.Err() != nil { // the client left, which says nothing about analytics
		return 0, false
	}
	c.countOutcome.Set(err)
	if err != nil {
		c.logger.WarnContext(ctx, "answering without the user's count", "dependency", contract.AnalyticsApp, "error", err)
		return 0, false
	}
	return n, true
}
