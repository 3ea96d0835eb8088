// Package main_test shows the faults of the pinned daprd that the delivery of events
// walks around, with Dapr's own packages. A test that fails says that a newer version
// no longer has the fault: then look again at what the design gives up because of it.
// See "Events are delivered in batches" in DECISIONS.md.
package main_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	contribpubsub "github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/dapr/pkg/config"
	"github.com/dapr/dapr/pkg/config/protocol"
	middleware "github.com/dapr/dapr/pkg/middleware/http"
	"github.com/dapr/dapr/pkg/runtime/channels"
	"github.com/dapr/dapr/pkg/runtime/compstore"
	"github.com/dapr/dapr/pkg/runtime/meta"
	"github.com/dapr/dapr/pkg/runtime/pubsub"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/runtime/subscription/postman"
	postmanhttp "github.com/dapr/dapr/pkg/runtime/subscription/postman/http"
	"github.com/dapr/dapr/pkg/runtime/subscription/todo"
)

const mended = "This version of daprd no longer has the fault. Look again at what the delivery gives up because of it."

// TestOneRequestRunsTheHandlerOfAnother shows why single deliveries that overlap get
// lost: the pipeline in front of the service keeps the handler of the last request in
// one place. Each handler has the error of its own request; the one whose handler ran
// for somebody else sees none, and acknowledges.
func TestOneRequestRunsTheHandlerOfAnother(t *testing.T) {
	t.Parallel()
	pipeline := middleware.New().BuildPipelineFromSpec("app", nil)
	ran := ""
	handler := func(name string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran += name })
	}
	first := pipeline(handler("first"))
	_ = pipeline(handler("second"))
	first.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	if ran == "first" {
		t.Error(mended)
	}
}

// TestATraceIDThatIsNoTextPanics shows why events are delivered as raw payloads.
func TestATraceIDThatIsNoTextPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error(mended)
		}
	}()
	_ = deliverer(t, "", nil).Deliver(t.Context(), &pubsub.SubscribedMessage{
		CloudEvent: map[string]any{"traceid": 7}, Path: "messages",
	})
}

// TestDropBuriesAnotherEvent shows why the service never answers DROP: after a part of
// a batch was tried again, the wrong event goes to the dead letters, or daprd ends.
func TestDropBuriesAnotherEvent(t *testing.T) {
	t.Parallel()
	var letters buried
	d := deliverer(t, `{"statuses":[{"entryId":"b","status":"DROP"},{"entryId":"c","status":"SUCCESS"}]}`, &letters)
	func() {
		defer func() {
			if recover() != nil {
				letters.events = "a panic"
			}
		}()
		// Entry a of the batch succeeded before; b and c are tried again.
		_, _ = deliverBatch(t, d, map[string]int{"a": 0, "b": 1, "c": 2}, "b", "c")
	}()
	if letters.events == "b" {
		t.Error(mended)
	}
}

// TestNotFoundIsAcknowledged shows why the routes exist before the service listens:
// daprd acknowledges a batch that is answered with 404.
func TestNotFoundIsAcknowledged(t *testing.T) {
	t.Parallel()
	d := deliverer(t, "404", nil)
	responses, err := deliverBatch(t, d, map[string]int{"a": 0}, "a")
	if err != nil || len(responses) != 1 || responses[0].Error != nil {
		t.Error(mended)
	}
}

// TestAnEmptyAnswerIsARetry holds what the design stands on: of a batch, an answer that
// is missing, empty, cut or that of another request is not taken for success.
func TestAnEmptyAnswerIsARetry(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "{", `{"statuses":[]}`, `{"statuses":[{"entryId":"x","status":"SUCCESS"}]}`} {
		responses, err := deliverBatch(t, deliverer(t, answer, nil), map[string]int{"a": 0}, "a")
		if err == nil || len(responses) != 1 || responses[0].Error == nil {
			t.Errorf("%q is taken for success: %+v, %v", answer, responses, err)
		}
	}
}

// TestAPauseStopsDeliveriesForGood shows why the sidecar has no health check of the
// service, and no hot reload: an event that is handed over after its subscription was
// stopped is held for ever, and with it a worker of the component.
func TestAPauseStopsDeliveriesForGood(t *testing.T) {
	t.Parallel()
	var deliver contribpubsub.Handler
	component := &subscribed{deliver: &deliver}
	paused, pause := context.WithCancel(t.Context())
	never := func(context.Context, *contribpubsub.BulkMessage) ([]contribpubsub.BulkSubscribeResponseEntry, error) {
		return nil, nil
	}
	err := pubsub.NewDefaultBulkSubscriber(component).BulkSubscribe(paused,
		contribpubsub.SubscribeRequest{Topic: "messages"}, never)
	if err != nil {
		t.Fatal(err)
	}
	pause()
	returned := make(chan error, 1)
	go func() { returned <- deliver(paused, &contribpubsub.NewMessage{Topic: "messages"}) }()
	select {
	case <-returned: // it may have been handed over before the end of the subscription was noticed
		go func() { returned <- deliver(paused, &contribpubsub.NewMessage{Topic: "messages"}) }()
	case <-time.After(100 * time.Millisecond):
	}
	select {
	case <-returned:
		t.Error(mended)
	case <-time.After(100 * time.Millisecond):
	}
}

// subscribed is a component that keeps the handler of its subscriber.
type subscribed struct {
	contribpubsub.PubSub

	deliver *contribpubsub.Handler
}

func (*subscribed) Features() []contribpubsub.Feature { return nil }

func (s *subscribed) Subscribe(
	_ context.Context, _ contribpubsub.SubscribeRequest, handler contribpubsub.Handler,
) error {
	*s.deliver = handler
	return nil
}

// buried keeps what goes to the dead letters.
type buried struct{ events string }

func (b *buried) Publish(
	_ context.Context, req *contribpubsub.PublishRequest, _ pubsub.TransportMode,
) error {
	b.events += string(req.Data)
	return nil
}

func (b *buried) BulkPublish(
	context.Context, *contribpubsub.BulkPublishRequest, pubsub.TransportMode,
) (contribpubsub.BulkPublishResponse, error) {
	return contribpubsub.BulkPublishResponse{}, nil
}

// deliverer delivers to a service that always gives the answer, or 404.
func deliverer(t *testing.T, answer string, deadLetters *buried) postman.Interface {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if answer == "404" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(app.Close)
	address, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	to := channels.New(channels.Options{
		Registry:       registry.New(registry.NewOptions()),
		ComponentStore: compstore.New(),
		Meta:           meta.New(meta.Options{}),
		AppConnectionConfig: config.AppConnectionConfig{
			ChannelAddress: address.Hostname(), Port: port, Protocol: protocol.HTTPProtocol,
		},
		GlobalConfig:  &config.Configuration{},
		AppMiddleware: middleware.New().BuildPipelineFromSpec("app", nil),
	})
	if err := to.Refresh(); err != nil {
		t.Fatal(err)
	}
	return postmanhttp.New(postmanhttp.Options{Channels: to, Adapter: deadLetters})
}

// deliverBatch tries the entries of a batch, in which index has the place of each.
func deliverBatch(
	t *testing.T, d postman.Interface, index map[string]int, tried ...string,
) ([]contribpubsub.BulkSubscribeResponseEntry, error) {
	t.Helper()
	messages := make([]todo.Message, len(tried))
	for i, id := range tried {
		messages[i] = todo.Message{
			RawData: &pubsub.BulkSubscribeMessageItem{EntryId: id, Event: id},
			Entry:   &contribpubsub.BulkMessageEntry{EntryId: id, Event: []byte(id)},
		}
	}
	responses := make([]contribpubsub.BulkSubscribeResponseEntry, len(index))
	diagnostics := todo.NewBulkSubIngressDiagnostics()
	result := &todo.BulkSubscribeResiliencyRes{Envelope: map[string]any{}}
	err := d.DeliverBulk(t.Context(), &postman.DeliverBulkRequest{
		BulkSubCallData: &todo.BulkSubscribeCallData{
			BulkResponses: &responses, BulkSubDiag: &diagnostics, EntryIdIndexMap: &index,
			PsName: "pubsub", Topic: "messages",
		},
		BulkSubMsg: &todo.BulkSubscribedMessage{
			PubSubMessages: messages, Topic: "messages", Pubsub: "pubsub", Path: "messages", Length: len(messages),
		},
		BulkSubResiliencyRes: result,
		BulkResponses:        &result.Entries,
		RawPayload:           true,
		DeadLetterTopic:      "deadletters",
	})
	return result.Entries, err
}
