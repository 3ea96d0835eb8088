package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"daca/services/chat/activity"
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

// Activity implements activity.Analytics.
func (c *daprClient) Activity(ctx context.Context) (activity.Answer, error) {
	body, err := c.Dapr.InvokeMethod(ctx, c.analytics, "activity", http.MethodGet)
	if err != nil {
		return activity.Answer{}, fmt.Errorf("invoking %s: %w", c.analytics, err)
	}
	var answer activity.Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		return activity.Answer{}, fmt.Errorf("invoking %s: decoding the last events: %w", c.analytics, err)
	}
	return answer, nil
}

// Administers implements activity.Analytics. Only operators may list dead letters.
func (c *daprClient) Administers(ctx context.Context, authorization string) (bool, error) {
	err := c.asOperator(ctx, http.MethodGet, "deadletters", authorization)
	var refused refusedError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.status == http.StatusUnauthorized:
		return false, nil
	}
	return false, err
}

// ReplayLetter has analytics publish the event of a dead letter again. It fails with a
// refusedError if analytics refuses that.
func (c *daprClient) ReplayLetter(ctx context.Context, id, authorization string) error {
	return c.asOperator(ctx, http.MethodPost, "deadletters/"+url.PathEscape(id)+"/replay", authorization)
}

// DeleteLetter has analytics forget a dead letter. It fails as ReplayLetter does.
func (c *daprClient) DeleteLetter(ctx context.Context, id, authorization string) error {
	return c.asOperator(ctx, http.MethodDelete, "deadletters/"+url.PathEscape(id), authorization)
}

// asOperator invokes a method of analytics with the value of an Authorization header, unless
// that is empty. Dapr makes a header of each entry of the metadata.
func (c *daprClient) asOperator(ctx context.Context, verb, method, authorization string) error {
	if authorization != "" {
		ctx = grpcmetadata.AppendToOutgoingContext(ctx, "authorization", authorization)
	}
	// Without content, Dapr would call it a stream of bytes, which analytics does not take.
	_, err := c.Dapr.InvokeMethodWithContent(ctx, c.analytics, method, verb,
		&client.DataContent{Data: []byte("{}"), ContentType: "application/json"})
	if err == nil {
		return nil
	}
	if code, _ := answered(err); code != 0 {
		return refusedError{code}
	}
	return fmt.Errorf("invoking %s: %w", c.analytics, err)
}

// refusedError is an answer of analytics that is not a success.
type refusedError struct{ status int }

// Error names the status.
func (e refusedError) Error() string {
	return fmt.Sprintf("%s answers %d %s", contract.AnalyticsApp, e.status, http.StatusText(e.status))
}

// answered returns the status of an invoked service that did not answer with success, and
// the first 63 bytes of its body: Dapr cuts the rest. The status is 0 if Dapr itself failed.
func answered(err error) (code int, body string) {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return 0, ""
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			code, _ := strconv.Atoi(info.GetMetadata()["http.code"]) // 0 if it is missing
			return code, info.GetMetadata()["http.error_message"]
		}
	}
	// A body that was cut in the middle of a character is left out, with all details.
	for _, code := range []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict} {
		if st.Message() == http.StatusText(code) {
			return code, ""
		}
	}
	return 0, ""
}

// isUnknownUser reports whether err is the analytics service's 404. Dapr has
// other reasons to answer NotFound.
func isUnknownUser(err error) bool {
	code, body := answered(err)
	var answer struct {
		Detail string `json:"detail"`
	}
	return code == http.StatusNotFound && json.Unmarshal([]byte(body), &answer) == nil &&
		answer.Detail == "User not found"
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
