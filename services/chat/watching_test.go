package main

import (
	"context"
	"sync"

	"daca/services/chat/activity"
)

// unseen is for publishers that nobody watches.
type unseen struct{}

func (unseen) Spooled(string)   {}
func (unseen) Published(string) {}

// fakeAnalytics knows what it is given, and an operator's token.
type fakeAnalytics struct {
	mu      sync.Mutex
	answer  activity.Answer
	err     error // of all calls
	token   string
	calls   int      // of Activity
	handled []string // dead letters
}

func (f *fakeAnalytics) Activity(context.Context) (activity.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.answer, f.err
}

func (f *fakeAnalytics) Administers(_ context.Context, authorization string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token == "" || authorization == "Bearer "+f.token, f.err
}

func (f *fakeAnalytics) ReplayLetter(ctx context.Context, id, authorization string) error {
	return f.handle(ctx, "replay "+id, authorization)
}

func (f *fakeAnalytics) DeleteLetter(ctx context.Context, id, authorization string) error {
	return f.handle(ctx, "delete "+id, authorization)
}

func (f *fakeAnalytics) handle(ctx context.Context, what, authorization string) error {
	if operator, err := f.Administers(ctx, authorization); err != nil || !operator {
		if err == nil {
			err = refusedError{401}
		}
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handled = append(f.handled, what)
	switch what {
	case "replay none":
		return refusedError{404}
	case "replay poison":
		return refusedError{409}
	}
	return nil
}
