package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"daca/services/internal/contract"
	"daca/services/internal/sidecar"
)

// daprClient is what the chat service asks of its sidecar.
type daprClient struct {
	*sidecar.Sidecar
	analytics string // app id
}

// newDaprClient does not connect: the sidecar may start later than the service.
func newDaprClient(cfg config) (*daprClient, error) {
	s, err := sidecar.Dial(cfg.Connection, contract.PubSub)
	if err != nil {
		return nil, err
	}
	return &daprClient{Sidecar: s, analytics: cfg.AnalyticsApp}, nil
}

// Count asks the analytics service how many messages the user has sent. A user
// that it does not know has sent 0. An error means that the count is unknown.
func (c *daprClient) Count(ctx context.Context, user contract.UserID) (int64, error) {
	method := "analytics/" + url.PathEscape(string(user))
	body, err := c.Dapr.InvokeMethod(ctx, c.analytics, method, http.MethodGet)
	if isUnknownUser(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("invoking %s: %w", c.analytics, err)
	}
	var answer struct {
		MessageCount *int64 `json:"message_count"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.MessageCount == nil {
		return 0, fmt.Errorf("invoking %s: the answer %.100q has no message_count", c.analytics, body)
	}
	return *answer.MessageCount, nil
}

// isUnknownUser reports whether err is the analytics service's 404. Dapr has
// other reasons to answer NotFound.
func isUnknownUser(err error) bool {
	st, ok := status.FromError(err)
	if err == nil || !ok || st.Code() != codes.NotFound {
		return false
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			var answer struct {
				Detail string `json:"detail"`
			}
			message := info.GetMetadata()["http.error_message"]
			return info.GetMetadata()["http.code"] == "404" &&
				json.Unmarshal([]byte(message), &answer) == nil && answer.Detail == "User not found"
		}
	}
	return false
}

// PublishAll implements broker. The sidecar answers with an error, and nothing else,
// if the broker refuses one of the events.
func (c *daprClient) PublishAll(ctx context.Context, topic string, events [][]byte) error {
	request := &runtimev1.BulkPublishRequest{PubsubName: contract.PubSub, Topic: topic}
	for i, event := range events {
		request.Entries = append(request.Entries, &runtimev1.BulkPublishRequestEntry{
			EntryId:     strconv.Itoa(i),
			Event:       event,
			ContentType: contract.CloudEventsContentType,
		})
	}
	answer, err := c.Dapr.GrpcClient().BulkPublishEvent(ctx, request)
	if err == nil {
		err = sidecar.InTime(ctx)
	}
	if err != nil {
		return fmt.Errorf("publishing %d events to topic %q of %q: %w", len(events), topic, contract.PubSub, err)
	}
	if failed := answer.GetFailedEntries(); len(failed) > 0 {
		return fmt.Errorf("publishing %d events to topic %q of %q: %d of them failed: %s",
			len(events), topic, contract.PubSub, len(failed), failed[0].GetError())
	}
	return nil
}
