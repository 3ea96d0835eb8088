package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"daca/services/analytics/activity"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// events handles the events of one topic.
type events struct {
	want    contract.EventType
	change  func(int64) int64 // what an event does to the count; nil only makes the user known
	counts  *counter
	letters *deadLetters
	shown   *activity.Activity
}

// handle makes the changes of all events at once. An event that can never be
// counted becomes a dead letter, and costs the others nothing. What the store does
// not take is to be delivered again.
func (e *events) handle(ctx context.Context, arrived time.Time, entries []entry) {
	changes := make([]*change, 0, len(entries))
	all := make([]change, len(entries))
	for i := range entries {
		event, err := contract.DecodeCloudEvent(entries[i].payload, e.want)
		if err != nil {
			entries[i].reason = err.Error()
			continue
		}
		all[i] = change{
			user: event.UserID, received: event.Received, answered: event.Answered,
			operation: operation{ID: event.ID, Time: event.Time, Change: e.change},
		}
		changes = append(changes, &all[i])
	}
	applyErr := e.counts.Apply(ctx, changes...)
	for i := range entries {
		ch := &all[i]
		switch {
		case entries[i].reason != "":
		case applyErr != nil || ch.err != nil && !errors.Is(ch.err, errCorrupt):
			entries[i].status = statusRetry
			entries[i].reason = storeUnavailable
		case ch.err != nil:
			entries[i].reason = corrupt
		default:
			entries[i].reason = ch.verdict.reason()
		}
		if entries[i].reason == "" {
			entries[i].status = statusSuccess
		}
	}
	e.letters.keep(ctx, e.want.Topic(), entries)
	e.shown.Record(e.records(arrived, entries, all))
}

// reason says why an event can never be counted; it is empty if that was done.
func (v verdict) reason() string {
	switch v {
	case tooOld:
		return "the event is older than the event ids that are remembered: whether it was counted cannot be told"
	case tooEarly:
		return "the event's time is further in the future than event ids are remembered for"
	case forgotten:
		return "the event ids of its time are lost in the state store: whether it was counted cannot be told"
	case full:
		return "the count of the user cannot grow any more"
	case reused:
		return "another event had the same id"
	case accepted, duplicate:
	}
	return ""
}

// bare handles {"event_type","user_id"} without an envelope, as people send it by
// hand. Its errors are those of HTTP.
func (e *events) bare(r *http.Request, body []byte) (deliveryAnswer, *fastapi.Error) {
	if len(body) == 0 {
		return deliveryAnswer{}, fastapi.Unprocessable("missing", "Field required", nil, "body")
	}
	event, err := contract.DecodeBareEvent(body)
	switch {
	case err != nil:
		return deliveryAnswer{}, fastapi.Unprocessable("value_error", err.Error(), string(body), "body")
	case event.Type != e.want:
		return deliveryAnswer{"ignored", "event_type is not " + string(e.want)}, nil
	case event.UserID == "":
		return deliveryAnswer{"ignored", "user_id is missing"}, nil
	}
	if err := event.UserID.Validate(); err != nil {
		return deliveryAnswer{}, fastapi.Unprocessable("value_error", err.Error(), event.UserID, "body", "user_id")
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return deliveryAnswer{}, fastapi.Unprocessable("string_too_long", "String should have at most 255 characters", key,
			"header", "Idempotency-Key")
	}
	arrived := time.Now()
	ch, err := e.counts.do(r.Context(), event.UserID, request(string(e.want), key, "", e.change))
	if err != nil {
		return deliveryAnswer{}, failed(err)
	}
	e.shown.Record(e.bareRecord(arrived, ch))
	return deliveryAnswer{Status: "success"}, nil
}

const maxKey = 255 // characters of an Idempotency-Key
