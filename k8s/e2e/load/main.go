// Load sends chat messages from inside the cluster, as another service would.
// GET /stats returns how many were answered. POST /stop stops sending, and returns
// the same.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	headerTimeout  = 5 * time.Second
	maxFailures    = 20 // that Stats lists
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	url := flags.String("url", "", "`URL` of the chat route")
	users := flags.Int("users", 4, "number of users who send messages at the same time")
	pause := flags.Duration("pause", 100*time.Millisecond, "time between two messages of a user")
	address := flags.String("address", ":8080", "`address` to listen at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	l := &load{client: http.Client{Timeout: requestTimeout}, url: *url, stats: Stats{Answered: map[string]int{}}}
	var senders sync.WaitGroup
	for i := range *users {
		senders.Go(func() { l.send(sending, fmt.Sprintf("load-%d", i), *pause) })
	}
	server := &http.Server{Addr: *address, ReadHeaderTimeout: headerTimeout, Handler: l.handler(func() {
		stop()
		senders.Wait()
	})}
	var closer sync.WaitGroup
	closer.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	err := server.ListenAndServe()
	stop()
	senders.Wait()
	if ctx.Err() == nil {
		return fmt.Errorf("serving: %w", err)
	}
	closer.Wait()
	return nil
}

// Stats are the results of the messages so far:
//
//	{"answered":{"load-0":12,"load-1":11},"failed":1,"failures":["15:04:05.678 502 Bad Gateway: …"]}
type Stats struct {
	Answered map[string]int `json:"answered"` // number of messages by user
	Failed   int            `json:"failed"`
	Failures []string       `json:"failures"` // the first 20, with their times
}

type load struct {
	client http.Client
	url    string

	mu    sync.Mutex
	stats Stats
}

// send sends messages of the user until ctx ends. It waits for the answer to the
// last one.
func (l *load) send(ctx context.Context, user string, pause time.Duration) {
	for {
		err := l.message(context.WithoutCancel(ctx), user)
		l.mu.Lock()
		if err == nil {
			l.stats.Answered[user]++
		} else {
			l.stats.Failed++
		}
		if err != nil && len(l.stats.Failures) < maxFailures {
			l.stats.Failures = append(l.stats.Failures, time.Now().UTC().Format("15:04:05.000 ")+err.Error())
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// message sends one message. Any answer other than 200 is an error.
func (l *load) message(ctx context.Context, user string) error {
	body := fmt.Sprintf(`{"user_id":%q,"text":"hello"}`, user)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", resp.Status, text))
	}
	return err
}

// handler serves the statistics. It calls stop for POST /stop.
func (l *load) handler(stop func()) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter) {
		l.mu.Lock()
		defer l.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l.stats)
	}
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		stop()
		answer(w)
	})
	return mux
}
