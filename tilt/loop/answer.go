package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	answerTimeout  = time.Minute // a long time, because sidecars may just have started
	requestTimeout = 5 * time.Second
	pollInterval   = 50 * time.Millisecond
)

// answer sends a message as a user who has sent none, and waits until it is
// counted.
func answer(ctx context.Context, at addresses, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	user := fmt.Sprintf("tilt-%d", time.Now().UnixNano())
	message := fmt.Sprintf(`{"user_id":%q,"text":"Hello"}`, user)
	// With the same key a message counts once, even if it is sent several times.
	err := poll(ctx, func() error {
		_, err := fetch(ctx, http.MethodPost, at.chat+"/chat/", user, message)
		return err
	})
	if err != nil {
		return fmt.Errorf("chatting: %w", err)
	}
	err = poll(ctx, func() error {
		body, err := fetch(ctx, http.MethodGet, at.analytics+"/analytics/"+user, "", "")
		if err == nil && strings.TrimSpace(body) != `{"message_count":1}` {
			err = fmt.Errorf("the count is %s", strings.TrimSpace(body))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	_, err = fmt.Fprintln(stdout, "chat-service answers, and analytics-service counts")
	return err
}

// poll asks until there is no error or the context ends.
func poll(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the last attempt: %w", context.Cause(ctx), err)
		case <-time.After(pollInterval):
		}
	}
}

func fetch(ctx context.Context, method, url, idempotencyKey, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	request.Close = true // the port-forward may lead to another pod next time
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}
