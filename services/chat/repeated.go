package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"daca/services/chat/runs"
	"daca/services/chat/session"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// startPatience is how long a run may take from its claim to its first document. For
// longer, a run that is not there has never started.
const startPatience = 10 * time.Second

// answerOnce answers a message. With an Idempotency-Key the answer belongs to the first request
// with the key: a repetition gets what that got, and as long as it is not answered, 409.
func (s *streams) answerOnce(ctx context.Context, in *chatInput) (*chatOutput, error) {
	m, holds, err := s.admit(ctx, in)
	switch {
	case err != nil:
		return nil, err
	case holds == nil:
		return s.chat.answer(ctx, m)
	case holds.Answer != nil:
		return again(answerOf(holds.Answer))
	case holds.RunID != m.run:
		return s.repeat(ctx, holds.RunID)
	}
	f, err := s.start(ctx, m)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	defer f.Close()
	last, err := f.Last(ctx)
	if err != nil {
		return nil, s.notSeen(ctx, err)
	}
	ended := f.Info
	ended.Last, ended.Ended = &last, time.Now().UTC().Truncate(time.Millisecond)
	return outputOf(ended)
}

// admit returns the message of an input, and what holds under its key, see claim. The error
// is the answer to an input that is not answered otherwise.
func (s *streams) admit(ctx context.Context, in *chatInput) (*message, *keyed, error) {
	if err := in.validate(); err != nil {
		return nil, nil, err
	}
	m := in.message()
	var refused error
	switch err := s.chat.openReplaced(ctx, m); {
	case errors.Is(err, session.ErrNoTurn): // an earlier request with the key may have replaced it
		refused = fastapi.NewError(http.StatusNotFound, "Turn not found")
	case err != nil:
		return nil, nil, s.chat.unread(ctx, err)
	}
	holds, err := s.claim(ctx, in, m, refused)
	return m, holds, err
}

// claim makes the message one that a run answers, if it has an Idempotency-Key, and
// returns what holds under that: the run of the message, or an earlier one. It returns nil
// without a key, and where the store is away: then the message is answered all the same,
// and its event alone is the same as that of other requests with the key. If refused is not
// nil, the message gets that answer unless an earlier request holds.
func (s *streams) claim(ctx context.Context, in *chatInput, m *message, refused error) (*keyed, error) {
	if m.idempotencyKey == "" {
		return nil, refused
	}
	digest, err := in.digest()
	if err != nil {
		return nil, err
	}
	event := newEvent(contract.MessageSent, m.userID, m.idempotencyKey)
	mine := keyed{
		claim: claim{ID: event.ID, Time: event.Time}, Digest: digest,
		SessionID: m.sessionID, RunID: runs.NewID(), Begun: time.Now().UTC(),
	}
	key := contract.IdempotencyKey(contract.MessageSent, m.userID, m.idempotencyKey)
	holds, err := s.keys.claim(ctx, key, mine, refused,
		func(k keyed) (bool, error) { return s.ledToNothing(ctx, k) })
	switch {
	case errors.Is(err, errOtherBody):
		return nil, fastapi.Unprocessable("idempotency_key_reused",
			"The Idempotency-Key was used for another message: use a new key for each message",
			m.idempotencyKey, "header", "Idempotency-Key")
	case errors.Is(err, errKeysAway) && m.replaces != "":
		return nil, s.chat.unread(ctx, err)
	case errors.Is(err, errKeysAway):
		s.logger.WarnContext(ctx, "a message is answered, perhaps again",
			"dependency", contract.StateStore, "error", err)
		return nil, nil //nolint:nilnil // see above
	case err != nil:
		return nil, s.refusal(ctx, err)
	}
	if holds.RunID == mine.RunID {
		m.run = mine.RunID
		m.claim = &holds.claim
		if m.sessionID != holds.SessionID {
			m.sessionID, m.conversation = holds.SessionID, nil
		}
	}
	return holds, nil
}

// ledToNothing reports whether the run of a request has failed, or never started, so that
// another one may answer.
func (s *streams) ledToNothing(ctx context.Context, k keyed) (bool, error) {
	info, err := s.runs.Get(ctx, k.RunID)
	if errors.Is(err, runs.ErrUnknown) {
		return time.Since(k.Begun) > startPatience, nil
	}
	if err != nil {
		return false, err
	}
	return info.State == runs.Failed || info.State == runs.Stopped && replyOf(info.Last.Data) == "", nil
}

// repeat answers a repetition of a request that a run answers.
func (s *streams) repeat(ctx context.Context, id string) (*chatOutput, error) {
	info, err := s.runs.Get(ctx, id)
	if err != nil && !errors.Is(err, runs.ErrUnknown) {
		return nil, s.refusal(ctx, err)
	}
	if err != nil || !info.State.Final() {
		refusal := fastapi.NewError(http.StatusConflict,
			"The first request with this Idempotency-Key is still being answered.")
		refusal.Headers = http.Header{"Retry-After": {"1"}}
		return nil, refusal
	}
	return again(outputOf(info))
}

// again marks an answer as one that was given before.
func again(out *chatOutput, err error) (*chatOutput, error) {
	if out != nil {
		out.Replayed = "true"
	}
	return out, err
}

// outputOf makes the last event of a run the answer to a request without a stream. Of a
// run that was stopped, that is what there was of the reply.
func outputOf(ended runs.Info) (*chatOutput, error) {
	switch ended.Last.Kind {
	case runs.Error:
		return nil, errorOf(ended.Last.Data)
	case runs.Cut:
		out := &chatOutput{}
		out.Body.UserID = contract.UserID(ended.UserID)
		out.Body.Reply = replyOf(ended.Last.Data)
		out.Body.Metadata = metadata{Timestamp: ended.Ended, SessionID: ended.SessionID}
		return out, nil
	}
	return answerOf(ended.Last.Data)
}

// answerOf returns the answer that a messageData has.
func answerOf(data json.RawMessage) (*chatOutput, error) {
	out := &chatOutput{}
	if err := json.Unmarshal(data, &out.Body); err != nil {
		return nil, fmt.Errorf("decoding an answer: %w", err)
	}
	return out, nil
}

// errorOf returns the answer that a failure of a run stands for.
func errorOf(data json.RawMessage) error {
	var failure struct {
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(data, &failure); err != nil {
		return fmt.Errorf("decoding a failure: %w", err)
	}
	if failure.Status == http.StatusServiceUnavailable {
		return retryLater(defaultRetryAfter, failure.Detail)
	}
	return fastapi.NewError(failure.Status, failure.Detail)
}

// replyOf returns the reply in the data of the last event of a run.
func replyOf(last json.RawMessage) string {
	var data stoppedData
	_ = json.Unmarshal(last, &data) // without a reply it is empty
	return data.Reply
}

// notSeen is the answer to a request that did not see its run end. The run goes on.
func (s *streams) notSeen(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		s.logger.InfoContext(ctx, "the client left before the answer")
		return fastapi.NewError(http.StatusServiceUnavailable, "The request was given up")
	}
	return s.refusal(ctx, err)
}

// view streams the run of an earlier request, or its answer if the run is forgotten.
func (s *streams) view(ctx context.Context, holds *keyed) (*huma.StreamResponse, error) {
	f, err := s.runs.Follow(ctx, holds.RunID, runs.Cursor{})
	if err == nil {
		return s.response(f, true, true), nil
	}
	if holds.Answer == nil {
		return nil, s.refusal(ctx, err)
	}
	f = runs.Ended(runs.Info{ID: holds.RunID, SessionID: holds.SessionID},
		runs.Entry{Kind: runs.Token, Text: replyOf(holds.Answer)},
		runs.Entry{Kind: runs.Message, Data: holds.Answer})
	return s.response(f, true, true), nil
}
