package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	checkBudget   = 30 * time.Second // for one URL
	maxCheckBytes = 500              // of a body that is printed
)

// CheckURLs requests each URL until the answer is 200, and prints a line for it. Of
// tcp://host:port it demands only that somebody accepts a connection. If a URL does
// not answer in time, the error has its last answer. The services offer it as their
// subcommand check, for `helm test` and for pods that wait for their store: nothing else in
// their images can make a request.
func CheckURLs(ctx context.Context, urls []string, stdout io.Writer) error {
	return checkURLs(ctx, http.DefaultClient, urls, stdout)
}

func checkURLs(ctx context.Context, client *http.Client, urls []string, stdout io.Writer) error {
	if len(urls) == 0 {
		return errors.New("check: name one or more URLs")
	}
	var errs []error
	for _, url := range urls {
		retry := backoff.NewExponentialBackOff()
		retry.MaxInterval = 2 * time.Second
		body, err := backoff.Retry(ctx, func() (string, error) { return get(ctx, client, url) },
			backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(checkBudget))
		if err != nil {
			errs = append(errs, fmt.Errorf("check %s: %w", url, err))
			continue
		}
		if _, err := fmt.Fprintf(stdout, "ok %s %s\n", url, body); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// get returns the beginning of the body if the answer is 200.
func get(ctx context.Context, client *http.Client, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if address, ok := strings.CutPrefix(url, "tcp://"); ok {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return "", err
		}
		return "accepts connections", conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", backoff.Permanent(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckBytes))
	if err != nil {
		return "", err
	}
	body := strings.TrimSpace(string(text))
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answers %s: %s", resp.Status, body)
	}
	return body, nil
}
