package main

import (
	"context"
	"errors"
	"net/http"

	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// openReplaced opens the session of a message that replaces a turn, up to that turn. It does
// nothing for any other message. It fails as session.OpenBefore does.
func (c *chat) openReplaced(ctx context.Context, m *message) error {
	if m.replaces == "" {
		return nil
	}
	conversation, replaced, err := c.sessions.OpenBefore(ctx, m.userID, m.sessionID, m.replaces)
	if err != nil {
		return err
	}
	m.conversation = conversation
	if conversation.Shortened {
		m.history = historyShortened
	}
	if replaced.Says(m.text) {
		m.again, m.messageCount = true, replaced.MessageCount
	}
	return nil
}

// countBefore returns how many messages the user had sent before this one, and whether that
// is known. A message that is answered again has counted since: what its agent was told the
// first time still holds.
func (c *chat) countBefore(ctx context.Context, m *message) (n int64, known bool) {
	if m.again {
		if m.messageCount == nil {
			return 0, false
		}
		return *m.messageCount, true
	}
	n, known = c.count(ctx, m.userID)
	if known {
		m.messageCount = &n
	}
	return n, known
}

// unread returns the answer to a message whose session cannot be read, and that therefore
// replaces nothing.
func (c *chat) unread(ctx context.Context, err error) error {
	c.logger.ErrorContext(ctx, "a turn cannot be replaced", "dependency", contract.StateStore, "error", err)
	if errors.Is(err, session.ErrUnreadable) {
		return fastapi.NewError(http.StatusInternalServerError,
			"Reading the session failed: what is stored is not a session. The log names its key.")
	}
	return retryLater(defaultRetryAfter,
		"Reading the session failed: "+contract.StateStore+" is unavailable. Try again later.")
}
