package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"daca/services/chat/agent"
	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

func (c *config) newSessions(store session.Store, logger *slog.Logger) *session.Sessions {
	return session.New(store, session.Config{
		TTL: c.SessionTTL, MaxBytes: c.SessionMaxBytes, MaxTokens: c.HistoryMaxTokens, Budget: c.PublishBudget,
		Logger: logger,
	})
}

// history says what of the earlier turns of a session the agent did not know. It is empty
// if the agent knew them all.
type history string

const (
	historyShortened   history = "shortened"
	historyUnavailable history = "unavailable"
)

// recall opens the session of the message. While the store fails, the message is answered
// without its history.
func (c *chat) recall(ctx context.Context, m *message) {
	if m.conversation != nil { // it is new
		return
	}
	var err error
	m.conversation, err = c.sessions.Open(ctx, m.userID, m.sessionID)
	switch {
	case err != nil && ctx.Err() == nil:
		m.history = historyUnavailable
		c.logger.WarnContext(ctx, "answering without the history of the session",
			"dependency", contract.StateStore, "error", err)
	case m.conversation.Shortened:
		m.history = historyShortened
	}
}

// keep adds the turn to the session of the message, and reports whether the session has
// it now.
func (c *chat) keep(ctx context.Context, m *message, event contract.Event, answer agent.Answer) bool {
	conversation := m.conversation
	if conversation == nil {
		conversation = session.Resume(m.userID, m.sessionID)
		conversation.Replaces = m.replaces
	}
	err := c.sessions.Append(ctx, conversation, session.Turn{
		ID: event.ID, Time: event.Time, Text: m.text, Messages: answer.Messages, Stopped: m.stopped,
		MessageCount: m.messageCount,
	})
	switch {
	case err == nil:
		return true
	case errors.Is(err, session.ErrDeleted):
		c.logger.InfoContext(ctx, "the turn is not kept", "event_id", event.ID, "error", err)
		return false
	}
	c.logger.ErrorContext(ctx, "the message is answered and its turn is not kept",
		"event_id", event.ID, "dependency", contract.StateStore, "error", err)
	return false
}

// sessions handles the routes of sessions.
type sessions struct {
	kept   *session.Sessions
	logger *slog.Logger
}

type sessionsInput struct {
	UserID contract.UserID `path:"user_id"`
	Limit  int             `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string          `query:"cursor" maxLength:"2048" doc:"The next_cursor of the page before."`
}

type sessionsOutput struct {
	Body struct {
		Sessions   []session.Summary `json:"sessions"`
		NextCursor string            `json:"next_cursor,omitempty" doc:"Asks for the next page; absent on the last one."`
	}
}

func (s *sessions) list(ctx context.Context, in *sessionsInput) (*sessionsOutput, error) {
	page, next, err := s.kept.List(ctx, in.UserID, in.Limit, in.Cursor)
	if errors.Is(err, session.ErrCursor) {
		return nil, fastapi.Unprocessable("value_error", err.Error(), in.Cursor, "query", "cursor")
	}
	if err != nil {
		return nil, s.failed(ctx, "Listing the sessions", err)
	}
	out := &sessionsOutput{}
	out.Body.Sessions = page
	out.Body.NextCursor = next
	return out, nil
}

type sessionInput struct {
	UserID    contract.UserID `path:"user_id"`
	SessionID string          `path:"session_id" maxLength:"256" pattern:"^[^\\x00]*$" patternDescription:"text without NUL"`
}

type sessionOutput struct{ Body session.Session }

func (s *sessions) get(ctx context.Context, in *sessionInput) (*sessionOutput, error) {
	found, err := s.kept.Get(ctx, in.UserID, in.SessionID)
	if err != nil {
		return nil, s.failed(ctx, "Reading the session", err)
	}
	return &sessionOutput{Body: found}, nil
}

type renameSessionInput struct {
	UserID    contract.UserID `path:"user_id"`
	SessionID string          `path:"session_id" maxLength:"256" pattern:"^[^\\x00]*$" patternDescription:"text without NUL"`
	Body      struct {
		Title string `json:"title" minLength:"1" maxLength:"80" pattern:"\\S" patternDescription:"text that is not blank"`
	}
}

type renameSessionOutput struct{ Body session.Summary }

func (s *sessions) rename(ctx context.Context, in *renameSessionInput) (*renameSessionOutput, error) {
	renamed, err := s.kept.Rename(ctx, in.UserID, in.SessionID, in.Body.Title)
	if err != nil {
		return nil, s.failed(ctx, "Renaming the session", err)
	}
	return &renameSessionOutput{Body: renamed}, nil
}

type deleteSessionOutput struct {
	Body struct {
		Status    string `json:"status" enum:"deleted"`
		SessionID string `json:"session_id"`
	}
}

func (s *sessions) remove(ctx context.Context, in *sessionInput) (*deleteSessionOutput, error) {
	if err := s.kept.Delete(ctx, in.UserID, in.SessionID); err != nil {
		return nil, s.failed(ctx, "Deleting the session", err)
	}
	out := &deleteSessionOutput{}
	out.Body.Status = "deleted"
	out.Body.SessionID = in.SessionID
	return out, nil
}

// failed returns the answer for a session that does not exist, or for a store that failed
// while doing something.
func (s *sessions) failed(ctx context.Context, doing string, err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return fastapi.NewError(http.StatusNotFound, "Session not found")
	}
	s.logger.ErrorContext(ctx, doing+" failed", "dependency", contract.StateStore, "error", err)
	if errors.Is(err, session.ErrUnreadable) {
		return fastapi.NewError(http.StatusInternalServerError,
			doing+" failed: what is stored is not a session. The log names its key.")
	}
	return fastapi.NewError(http.StatusServiceUnavailable,
		doing+" failed: "+contract.StateStore+" is unavailable. Try again later.")
}
