package main

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"daca/services/analytics/activity"
	"daca/services/internal/contract"
)

// records returns what became of the entries of a delivery and of their changes, without
// those that are to be delivered again.
func (e *events) records(arrived time.Time, entries []entry, changes []change) iter.Seq[activity.Record] {
	return func(yield func(activity.Record) bool) {
		for i := range entries {
			entry, ch := &entries[i], &changes[i]
			if entry.status != statusSuccess {
				continue
			}
			var r activity.Record
			if entry.reason == "" {
				r = e.record(arrived, ch)
			} else {
				r = e.letterRecord(arrived, entry, ch)
			}
			if !yield(r) {
				return
			}
		}
	}
}

// when returns when the message of the change was answered, as far as its event tells.
func (ch *change) when() time.Time {
	if ch.answered.IsZero() {
		return ch.Time
	}
	return ch.answered
}

// record returns what became of a change that was made.
func (e *events) record(arrived time.Time, ch *change) activity.Record {
	outcome := activity.Duplicate
	switch {
	case e.change == nil:
		outcome = activity.Registered
	case ch.verdict == accepted:
		outcome = activity.Counted
	}
	return activity.Record{
		ID: ch.ID, Type: e.want, UserID: ch.user,
		Received: ch.received, Answered: ch.when(), Delivered: arrived, Counted: ch.ack.at, Stored: ch.ack.took,
		Count: ch.count, Outcome: outcome,
	}
}

// letterRecord returns the record of an event that became a dead letter.
func (e *events) letterRecord(arrived time.Time, entry *entry, ch *change) activity.Record {
	r := activity.Record{
		ID: ch.ID, Type: e.want, UserID: ch.user, Received: ch.received, Answered: ch.when(),
		Delivered: arrived, Counted: time.Now(),
		Outcome: activity.DeadLetter, Reason: strings.TrimPrefix(entry.reason, keptAsLetter),
	}
	if r.ID == "" { // it could not be decoded
		named := nameEvent(entry.payload)
		r.ID = cmp.Or(named.id, digest(string(entry.payload)))
		r.Type = contract.EventType(named.kind)
		r.UserID = contract.UserID(named.user)
	}
	return r
}

// bareRecord returns the record of an event without an envelope. Its id is a digest,
// because a client's Idempotency-Key concerns nobody else.
func (e *events) bareRecord(arrived time.Time, ch *change) iter.Seq[activity.Record] {
	return func(yield func(activity.Record) bool) {
		r := e.record(arrived, ch)
		r.ID = digest(ch.ID)
		yield(r)
	}
}

// named are the names in an event that need not be valid.
type named struct{ id, kind, user string }

const maxNamed = 256 // bytes of each name

// nameEvent returns the names in an event that could not be decoded, as far as it has
// some. They are empty if it is not JSON or large.
func nameEvent(payload []byte) (n named) {
	type data struct {
		Type   jsontext.Value `json:"event_type"`
		UserID jsontext.Value `json:"user_id"`
	}
	var read struct {
		ID   jsontext.Value `json:"id"`
		Type jsontext.Value `json:"type"`
		Data jsontext.Value `json:"data"`
	}
	if len(payload) > maxLetterBytes || jsonv2.Unmarshal(payload, &read) != nil {
		return named{}
	}
	var d data
	_ = jsonv2.Unmarshal(read.Data, &d) // without an object as data, it names nobody
	return named{id: name(read.ID), kind: cmp.Or(name(d.Type), name(read.Type)), user: name(d.UserID)}
}

// name returns the text of a JSON string, shortened, or "" if the value is no string.
func name(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return contract.Shorten(string(text), maxNamed)
}

// looking answers GET /activity.
type looking struct {
	shown   *activity.Activity
	letters *letterSummary
	logger  *slog.Logger
}

type activityOutput struct {
	Body struct {
		activity.View
		DeadLetters *lettersShown `json:"dead_letters" doc:"null if they cannot be read."`
	}
}

// lettersShown is what is shown of the dead letters.
type lettersShown struct {
	Total   int           `json:"total" doc:"How many there are."`
	ReadAt  time.Time     `json:"read_at" doc:"When they were read. Replicas read them at different times."`
	Letters []letterShown `json:"letters" doc:"The newest ones, at most 20, newest first."`
}

// letterShown is a dead letter without its event.
type letterShown struct {
	ID         string    `json:"id" doc:"By which it is replayed or deleted."`
	Topic      string    `json:"topic"`
	Type       string    `json:"type" doc:"As far as the event tells."`
	UserID     string    `json:"user_id" doc:"As far as the event tells."`
	Reason     string    `json:"reason"`
	ReceivedAt time.Time `json:"received_at"`
}

const (
	maxLettersShown = 20
	maxReasonShown  = 200 // bytes
)

func (l *looking) get(ctx context.Context, _ *struct{}) (*activityOutput, error) {
	view, err := l.shown.Look(ctx)
	if err != nil {
		return nil, unavailable("The state store " + contract.StateStore +
			" is unavailable; nothing can be said about the last events. Try again later.")
	}
	out := &activityOutput{}
	out.Body.View = view
	out.Body.DeadLetters = l.letters.get(ctx)
	return out, nil
}

// letterSummary reads what is shown of the dead letters, not more often than every
// other second, whoever asks, or twice a second while this replica changes them.
type letterSummary struct {
	box    *letterBox
	logger *slog.Logger

	mu      sync.Mutex
	readAt  time.Time
	changes uint64 // of the box, when it was read
	shown   *lettersShown
	failing bool // which the log says
}

const (
	lettersEvery    = 2 * time.Second
	ownLettersEvery = 500 * time.Millisecond // if this replica has changed them
)

func newLetterSummary(box *letterBox, logger *slog.Logger) *letterSummary {
	return &letterSummary{box: box, logger: logger}
}

// get returns nil if the dead letters cannot be read.
func (s *letterSummary) get(ctx context.Context) *lettersShown {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := s.box.changes.Load()
	wait := lettersEvery
	if changes != s.changes {
		wait = ownLettersEvery
	}
	if !s.readAt.IsZero() && time.Since(s.readAt) < wait {
		return s.shown
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lettersEvery) // the others get it too
	defer cancel()
	letters, err := s.box.list(ctx)
	if err != nil && !s.failing {
		s.logger.ErrorContext(ctx, "the dead letters cannot be shown", "dependency", contract.StateStore, "error", err)
	}
	s.failing = err != nil
	s.readAt = time.Now()
	s.changes = changes
	s.shown = nil
	if err == nil {
		s.shown = showLetters(letters, s.readAt)
	}
	return s.shown
}

func showLetters(letters []letter, now time.Time) *lettersShown {
	newest := slices.Clone(letters)
	slices.SortStableFunc(newest, func(a, b letter) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	newest = newest[:min(len(newest), maxLettersShown)]
	shown := &lettersShown{
		Total: len(letters), ReadAt: now.UTC().Truncate(time.Microsecond), Letters: make([]letterShown, len(newest)),
	}
	for i, l := range newest {
		n := nameEvent(l.Event)
		shown.Letters[i] = letterShown{
			ID: l.ID, Topic: l.Topic, Type: n.kind, UserID: n.user,
			Reason: contract.Shorten(l.Reason, maxReasonShown), ReceivedAt: l.ReceivedAt,
		}
	}
	return shown
}
