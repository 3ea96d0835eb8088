// Command kfake runs franz-go's kfake, which talks as Kafka does, with the data in a
// directory. The flow tests use it in place of a broker, which no Go module and no package
// of Debian has. It is no real Kafka, and proves nothing about one.
//
//	kfake -port 9092 -admin 9093 -dir data
//
// GET /waiting?group=g&topic=t on the port of -admin answers how many events of the topic
// the group has not committed: {"waiting":3}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// partitions of each topic. Two replicas get a part each.
const partitions = 4

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("kfake", flag.ContinueOnError)
	port := flags.Int("port", 0, "of the broker")
	adminPort := flags.Int("admin", 0, "port of the HTTP API")
	dir := flags.String("dir", "", "directory of the data")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(*port), kfake.DataDir(*dir))
	if err != nil {
		return fmt.Errorf("starting kfake: %w", err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		return fmt.Errorf("connecting to kfake: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if err := createTopics(ctx, admin); err != nil {
		return err
	}
	return serve(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(*adminPort)), waiting(admin))
}

// createTopics creates the topics that are missing. Those that kfake creates by itself are
// forgotten when it is killed.
func createTopics(ctx context.Context, client *kadm.Client) error {
	answers, err := client.CreateTopics(ctx, partitions, 1, nil, "messages", "users", "deadletters")
	if err != nil {
		return fmt.Errorf("creating the topics: %w", err)
	}
	for _, answer := range answers.Sorted() {
		if answer.Err != nil && !errors.Is(answer.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("creating the topic %s: %w", answer.Topic, answer.Err)
		}
	}
	return nil
}

// serve serves until ctx ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving on %s: %w", address, err)
	case <-ctx.Done():
	}
	err := server.Close()
	if ended := <-ended; !errors.Is(ended, http.ErrServerClosed) {
		return errors.Join(err, ended)
	}
	return err
}

// waiting answers how many events of a topic a group has not committed.
func waiting(client *kadm.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		topic := r.URL.Query().Get("topic")
		group := r.URL.Query().Get("group")
		ends, err := client.ListEndOffsets(r.Context(), topic)
		if err == nil {
			err = ends.Error()
		}
		committed, commitErr := client.FetchOffsets(r.Context(), group)
		if err := errors.Join(err, commitErr); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		var sum int64
		ends.Each(func(end kadm.ListedOffset) {
			sum += end.Offset
			if at, found := committed.Lookup(topic, end.Partition); found && at.At > 0 {
				sum -= at.At
			}
		})
		_ = json.NewEncoder(w).Encode(map[string]int64{"waiting": sum})
	}
}
