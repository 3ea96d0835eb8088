package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"daca/services/internal/contract"
	"daca/services/internal/serve"
)

// sidecar is the Dapr sidecar of this service.
type sidecar struct {
	dapr      client.Client
	conn      *grpc.ClientConn
	analytics string // app id
}

// newSidecar does not connect: the sidecar may start later than the service.
func newSidecar(cfg config) (*sidecar, error) {
	conn, err := serve.DialSidecar(cfg.DaprEndpoint, cfg.DaprPort, cfg.DaprToken)
	if err != nil {
		return nil, err
	}
	return &sidecar{dapr: client.NewClientWithConnection(conn), conn: conn, analytics: cfg.AnalyticsApp}, nil
}

func (s *sidecar) Close() { s.dapr.Close() }

// Ping reports why the sidecar cannot be reached, or that it lacks the pub/sub
// component.
func (s *sidecar) Ping(ctx context.Context) error {
	meta, err := s.dapr.GetMetadata(ctx)
	if err != nil {
		return fmt.Errorf("asking the Dapr sidecar at %s for its metadata: %w", s.conn.Target(), err)
	}
	for _, component := range meta.RegisteredComponents {
		if component.Name == contract.PubSub {
			return nil
		}
	}
	return fmt.Errorf("the Dapr sidecar at %s has no component %q", s.conn.Target(), contract.PubSub)
}

// Count asks the analytics service how many messages the user has sent: 0 for
// a user it does not know. An error says that this cannot be told.
func (s *sidecar) Count(ctx context.Context, user contract.UserID) (int64, error) {
	method := "analytics/" + url.PathEscape(string(user))
	body, err := s.dapr.InvokeMethod(ctx, s.analytics, method, http.MethodGet)
	if isUnknownUser(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("invoking %s: %w", s.analytics, err)
	}
	var answer struct {
		MessageCount *int64 `json:"message_count"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.MessageCount == nil {
		return 0, fmt.Errorf("invoking %s: the answer %.100q has no message_count", s.analytics, body)
	}
	return *answer.MessageCount, nil
}

// isUnknownUser tells the 404 of the analytics service from the other reasons
// for which Dapr may say NotFound.
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

// Publish sends an encoded CloudEvent to the topic.
func (s *sidecar) Publish(ctx context.Context, topic string, event []byte) error {
	err := s.dapr.PublishEvent(ctx, contract.PubSub, topic, event,
		client.PublishEventWithContentType(contract.CloudEventsContentType))
	if err != nil {
		return fmt.Errorf("publishing to topic %q of %q: %w", topic, contract.PubSub, err)
	}
	return nil
}
