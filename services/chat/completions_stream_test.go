package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/chat/agent"
)

// TestAThinkingModelIsAnnounced holds the comments of a stream, and that a failure after
// the first one is an event.
func TestAThinkingModelIsAnnounced(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		thinks   time.Duration
		comments int
		err      error
		want     string // the beginning of what follows the comments
	}{
		{500 * time.Millisecond, 0, nil, `data: {"id"`},
		{5 * time.Second, 1, nil, `data: {"id"`},
		{25 * time.Second, 3, nil, `data: {"id"`},
		{25 * time.Second, 3, &agent.Error{Kind: agent.Unavailable}, `data: {"error"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, messages, _ := newFront(t)
			s.app.agentTimeout = time.Minute
			messages.events, messages.err = nil, tc.err
			messages.pause = func(context.Context) { <-time.After(tc.thinks) }
			body := strings.NewReader(hello(`"stream":true`))
			req := httptest.NewRequestWithContext(t.Context(), "POST", completionsPath, body)
			req.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, req)
			rest := strings.ReplaceAll(rec.Body.String(), ": thinking\n\n", "")
			if got := strings.Count(rec.Body.String(), ": thinking\n\n"); got != tc.comments ||
				!strings.HasPrefix(rest, tc.want) || rec.Code != 200 {
				t.Errorf("a model that thinks for %s has %d comments; want %d, and then %s:\n%s",
					tc.thinks, got, tc.comments, tc.want, rec.Body)
			}
		})
	}
}
