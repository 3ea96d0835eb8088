package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"daca/services/internal/stack"
)

// suite is the whole suite with one replica of each service.
type suite struct {
	subscriber // the analytics service

	model, chat, analytics *stack.Service
}

// startSuite starts one of the programs in the directory bin, with a name and a Redis of its
// own. The offline model answers as the name of the model says.
func (b *bench) startSuite(ctx context.Context, bin, name, model string) (*suite, error) {
	s, err := b.newSubscriber(ctx, name)
	if err != nil {
		return nil, err
	}
	all := &suite{subscriber: *s}
	if err := b.addSuite(ctx, all, bin, model); err != nil {
		return nil, errors.Join(err, all.stop(ctx))
	}
	return all, nil
}

func (b *bench) addSuite(ctx context.Context, s *suite, bin, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	parts, err := b.stack(&s.subscriber, bin)
	if err != nil {
		return err
	}
	if s.model, err = parts.Model(stack.ServiceOptions{}); err != nil {
		return err
	}
	if s.analytics, err = parts.Analytics(stack.ServiceOptions{}); err != nil {
		return err
	}
	model := []string{"OPENAI_BASE_URL=" + s.model.URL + "/v1", "OPENAI_MODEL=" + name}
	if s.chat, err = parts.Chat(stack.ServiceOptions{Env: model}); err != nil {
		return err
	}
	for _, service := range []*stack.Service{s.model, s.analytics, s.chat} {
		if err := service.Start(ctx); err != nil {
			return err
		}
		if err := service.WaitReady(ctx); err != nil {
			return err
		}
	}
	s.group = s.analytics.AppID
	s.services = []*stack.Service{s.analytics}
	s.parts = append(s.parts,
		part{"model", []*stack.Process{s.model.App}},
		part{"chat", []*stack.Process{s.chat.App}},
		part{"chat's sidecar", []*stack.Process{s.chat.Sidecar}},
		part{"analytics", []*stack.Process{s.analytics.App}},
		part{"analytics' sidecar", []*stack.Process{s.analytics.Sidecar}},
	)
	s.count = func(ctx context.Context, user string) (int, error) { return countOf(ctx, s.web, s.analytics.URL, user) }
	return stack.WaitReady(ctx, s.chat.InvokeURL(s.analytics, "healthz"), s.chat.Sidecar)
}

func chatUser(i int) string { return fmt.Sprint("user-", i) }

// settle waits until all events are acknowledged, and checks the counts.
func (s *suite) settle(ctx context.Context, counts map[string]int) error {
	published, err := s.client.XInfoStream(ctx, "messages").Result()
	if err != nil {
		return fmt.Errorf("asking Redis for the number of events: %w", err)
	}
	if _, err := s.reach(ctx, published.EntriesAdded); err != nil {
		return err
	}
	return s.verify(ctx, counts)
}

func (s *suite) say(ctx context.Context, user string) error {
	return s.send(ctx, http.MethodPost, s.chat.URL+"/chat/", fmt.Sprintf(`{"user_id":%q,"text":"hello"}`, user))
}

// send makes a request with a body of JSON, or with none.
func (s *suite) send(ctx context.Context, method, address, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return do(s.web, request)
}
