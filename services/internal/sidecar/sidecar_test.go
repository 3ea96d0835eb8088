package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"daca/services/internal/serve"
)

// fakeDapr answers with the names of components, or fails.
type fakeDapr struct {
	client.Client
	components []string
	err        error
}

func (f fakeDapr) GetMetadata(context.Context) (*client.GetMetadataResponse, error) {
	found := &client.GetMetadataResponse{}
	for _, name := range f.components {
		found.RegisteredComponents = append(found.RegisteredComponents, &client.MetadataRegisteredComponents{Name: name})
	}
	return found, f.err
}

func TestPing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dapr fakeDapr
		need []string
		want string
	}{
		"nothing is needed":   {fakeDapr{}, nil, ""},
		"all components":      {fakeDapr{components: []string{"a", "b"}}, []string{"b", "a"}, ""},
		"a component is gone": {fakeDapr{components: []string{"a"}}, []string{"a", "b"}, `has no component "b"`},
		"the sidecar is down": {fakeDapr{err: errors.New("refused")}, []string{"a"}, "host:1 for its metadata: refused"},
	} {
		err := (&Sidecar{Dapr: tc.dapr, target: "host:1", components: tc.need}).Ping(t.Context())
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Ping = %v; want %q", name, err, tc.want)
		}
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]string{
		"":                                "127.0.0.1:50001",
		"DAPR_GRPC_PORT=7":                "127.0.0.1:7",
		"DAPR_GRPC_ENDPOINT=sidecar:9":    "sidecar:9",
		"DAPR_GRPC_PORT=0":                "DAPR_GRPC_PORT",
		"DAPR_GRPC_ENDPOINT=http://a:1/x": "DAPR_GRPC_ENDPOINT",
	} {
		var c Connection
		if err := serve.ParseEnv(&c, []string{environ}); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		} else if s, err := Dial(c); err == nil {
			got = s.target
			s.Close()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q leads to %q; want %q", environ, got, want)
		}
	}
}

// TestFailuresExplainThemselves holds that a failed call keeps its status, and says
// why it failed without an address.
func TestFailuresExplainThemselves(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]string{
		codes.Unavailable:      "the Dapr sidecar cannot be reached",
		codes.DeadlineExceeded: "no answer in time",
		codes.PermissionDenied: "the Dapr sidecar answers PermissionDenied",
	} {
		failing := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			return status.Error(code, "dial tcp 10.0.0.1:6379")
		}
		err := fmt.Errorf("reading: %w", explainFailures(t.Context(), "", nil, nil, nil, failing))
		var explained interface{ Reason() string }
		if !errors.As(err, &explained) || explained.Reason() != want || status.Code(err) != code {
			t.Errorf("%v with status %s has the reason %v; want %q", err, status.Code(err), explained, want)
		}
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{"": false, "s3cre": false, "s3cret": true, "s3cret2": false} {
		r := httptest.NewRequest(http.MethodPost, "/messages", nil)
		r.Header.Set("dapr-api-token", token)
		if got := Sent(r, "s3cret"); got != want {
			t.Errorf("with the token %q, Sent = %t; want %t", token, got, want)
		}
	}
}

// publishingDapr takes every event.
type publishingDapr struct{ client.Client }

func (publishingDapr) PublishEvent(context.Context, string, string, any, ...client.PublishEventOption) error {
	return nil
}

// lateContext has a deadline that is over, and has not noticed it.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now(), true }

// TestASuccessThatIsLateIsNone holds that an event of which the sidecar reports success
// after the end of the call is not published.
func TestASuccessThatIsLateIsNone(t *testing.T) {
	t.Parallel()
	s := &Sidecar{Dapr: publishingDapr{}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	if err := s.Publish(ctx, "messages", []byte("{}")); err != nil {
		t.Errorf("Publish in time = %v", err)
	}
	late := lateContext{ctx}
	if err := s.Publish(late, "messages", []byte("{}")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish after the deadline = %v", err)
	}
	cancel()
	if err := s.Publish(ctx, "messages", []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish after the end of the call = %v", err)
	}
}
