package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"daca/services/chat/agent"
	"daca/services/chat/runs"
	"daca/services/internal/contract"
	"daca/services/internal/fastapi"
)

// The data of the events of a stream, by their names.
type (
	tokenData struct { // token
		Text string `json:"text" doc:"One or more tokens."`
	}
	resetData struct{} // reset

	toolCallData struct { // tool_call
		ID        string `json:"id"`
		Name      string `json:"name"`
		Arguments string `json:"arguments" doc:"A JSON object."`
	}
	toolResultData struct { // tool_result
		ID         string  `json:"id" doc:"Of the call."`
		Name       string  `json:"name"`
		Result     string  `json:"result" doc:"What the model is told."`
		DurationMS float64 `json:"duration_ms"`
	}
	// messageData is what POST /chat/ answers, and more.
	messageData struct { // message
		UserID   contract.UserID `json:"user_id"`
		Reply    string          `json:"reply"`
		Metadata metadata        `json:"metadata"`
		RunID    string          `json:"run_id"`
		Usage    agent.Usage     `json:"usage"`
	}
	stoppedData struct { // stopped
		Reply string `json:"reply" doc:"What there was of the reply."`
	}
)

// start starts a run that answers the message, and follows it.
func (s *streams) start(ctx context.Context, m *message) (*runs.Follower, error) {
	return s.runs.Start(ctx, runs.Job{
		ID: cmp.Or(m.run, runs.NewID()), UserID: string(m.userID), SessionID: m.sessionID,
		Produce: func(ctx context.Context, emit func(runs.Entry)) runs.Outcome { return s.produce(ctx, m, emit) },
		Settle: func(ctx context.Context, of runs.Info, outcome runs.Outcome) runs.Outcome {
			return s.settleMessage(ctx, m, of, outcome)
		},
	})
}

// produce answers the message.
func (s *streams) produce(ctx context.Context, m *message, emit func(runs.Entry)) runs.Outcome {
	s.chat.begin(m)
	request := s.chat.prepare(ctx, m)
	spoke := false
	request.Observe = func(e agent.Event) {
		entry := entryOf(e)
		spoke = spoke || entry.Text != ""
		emit(entry)
	}
	running, cancel := context.WithTimeout(ctx, s.chat.agentTimeout)
	defer cancel()
	answer, err := s.chat.agent.Run(running, request)
	switch {
	case err == nil:
		s.chat.modelOutcome.Set(nil)
		return s.outcome(ctx, runs.Answered, m, answer)
	case errors.Is(context.Cause(ctx), runs.ErrStopped) && spoke:
		return s.outcome(ctx, runs.Stopped, m, answer)
	case errors.Is(context.Cause(ctx), runs.ErrStopped):
		m.shown.Fail("The answer was stopped before it began.")
		return runs.Outcome{State: runs.Stopped, Last: entry(runs.Cut, stoppedData{})}
	}
	err = s.chat.failed(ctx, running, err)
	m.shown.Fail(reasonOf(err))
	return s.failure(ctx, err)
}

// entryOf returns the entry of the log for what the agent does.
func entryOf(e agent.Event) runs.Entry {
	switch e := e.(type) {
	case agent.Token:
		return runs.Entry{Kind: runs.Token, Text: e.Text}
	case agent.ToolCalled:
		return entry(runs.ToolCall, toolCallData{e.ID, e.Name, e.Arguments})
	case agent.ToolAnswered:
		took := float64(e.Took.Microseconds()) / 1000
		return entry(runs.ToolResult, toolResultData{e.ID, e.Name, e.Result, took})
	}
	panic("the agent has an event that streams do not know")
}

// entry returns an entry with data that can always be encoded.
func entry(kind runs.Kind, data any) runs.Entry {
	e, err := runs.NewEntry(kind, data)
	if err != nil {
		panic(err)
	}
	return e
}

// failure returns the outcome of a run with the status and the detail that POST /chat/
// would answer.
func (s *streams) failure(ctx context.Context, err error) runs.Outcome {
	var known *fastapi.Error
	if errors.As(err, &known) {
		return runs.Fail(known.Status, known.Detail)
	}
	s.logger.ErrorContext(ctx, "answering a message failed", "error", err)
	return runs.Fail(http.StatusInternalServerError, "Internal Server Error")
}

// effects are what an answer leads to: an event and a turn of the session. They are stored
// with the run first, so that another replica can see to it:
//
//	{
//	  "user_id": "alice", "session_id": "s1", "text": "Hi", "event_id": "0f0b…",
//	  "event_time": "2026-01-02T12:00:00.123Z", "received": "2026-01-02T11:59:59.1002Z",
//	  "answered": "2026-01-02T12:00:00.1234Z",
//	  "answer": {"Reply": "Hello!", …}, "message_count": 5
//	}
//
// The event of a message that replaces a turn is published too, unless it is the same
// message again:
//
//	{…, "replaces": "5c1f9c1e-…", "again": true}
type effects struct {
	UserID         contract.UserID `json:"user_id"`
	SessionID      string          `json:"session_id"`
	Text           string          `json:"text"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
	Settled        bool            `json:"settled,omitempty"` // whether id and time of the event hold for its key
	History        history         `json:"history,omitempty"`
	EventID        string          `json:"event_id"`
	EventTime      time.Time       `json:"event_time"`
	Received       time.Time       `json:"received,omitzero"` // when the message was
	Answered       time.Time       `json:"answered,omitzero"` // when the answer was there
	Answer         agent.Answer    `json:"answer"`
	MessageCount   *int64          `json:"message_count,omitempty"`
	Replaces       string          `json:"replaces,omitempty"`
	Again          bool            `json:"again,omitempty"`
}

// maxEffects limits what is stored of an answer, in bytes: sidecars take requests of 4 MiB.
const maxEffects = 1 << 20

// outcome returns the outcome of a run with an answer. The event of the message happens
// now.
func (s *streams) outcome(ctx context.Context, state runs.State, m *message, answer agent.Answer) runs.Outcome {
	event := newEvent(contract.MessageSent, m.userID, m.idempotencyKey)
	if m.claim != nil {
		event.ID, event.Time = m.claim.ID, m.claim.Time
	}
	e := effects{
		UserID: m.userID, SessionID: m.sessionID, Text: m.text, IdempotencyKey: m.idempotencyKey,
		Settled: m.claim != nil,
		History: m.history, EventID: event.ID, EventTime: event.Time,
		Received: m.received, Answered: event.Answered, Answer: answer,
		MessageCount: m.messageCount, Replaces: m.replaces, Again: m.again,
	}
	encoded, err := json.Marshal(e)
	if err == nil && len(encoded) > maxEffects {
		e.Answer.Messages = []agent.Message{{Role: agent.RoleAssistant, Content: answer.Reply}}
		encoded, err = json.Marshal(e)
	}
	if err != nil {
		return s.failure(ctx, err)
	}
	return runs.Outcome{State: state, Effects: encoded}
}

// settle is for runs of replicas that have died.
func (s *streams) settle(ctx context.Context, of runs.Info, outcome runs.Outcome) runs.Outcome {
	return s.settleMessage(ctx, nil, of, outcome)
}

// settleMessage publishes the event of an answer, if it counts, and adds the turn to the session. If that
// fails, so does the run. The message is nil if another replica knew it.
func (s *streams) settleMessage(ctx context.Context, m *message, of runs.Info, outcome runs.Outcome) runs.Outcome {
	var e effects
	if err := json.Unmarshal(outcome.Effects, &e); err != nil {
		return s.failure(ctx, err)
	}
	if m == nil {
		m = &message{
			userID: e.UserID, sessionID: e.SessionID, text: e.Text, idempotencyKey: e.IdempotencyKey,
			history: e.History, messageCount: e.MessageCount, replaces: e.Replaces, again: e.Again, received: e.Received,
		}
	}
	s.chat.begin(m)
	m.stopped = outcome.State == runs.Stopped
	if e.Settled {
		m.claim = &claim{ID: e.EventID, Time: e.EventTime}
	}
	event := contract.Event{
		ID: e.EventID, Time: e.EventTime, Type: contract.MessageSent, UserID: e.UserID,
		Received: e.Received, Answered: e.Answered,
	}
	out, err := s.chat.finish(ctx, m, event, e.Answer)
	switch {
	case err != nil:
		return s.failure(ctx, err)
	case outcome.State == runs.Stopped:
		outcome.Last = entry(runs.Cut, stoppedData{out.Reply})
	default:
		outcome.Last = entry(runs.Message, messageData{out.UserID, out.Reply, out.Metadata, of.ID, e.Answer.Usage})
		s.keep(ctx, e, of.ID, outcome.Last)
	}
	return outcome
}

// keep keeps the answer under the key of its request, for longer than the run is kept.
func (s *streams) keep(ctx context.Context, e effects, id string, last runs.Entry) {
	if !e.Settled {
		return
	}
	key := contract.IdempotencyKey(contract.MessageSent, e.UserID, e.IdempotencyKey)
	if err := s.keys.answered(ctx, key, id, last.Data); err != nil {
		s.logger.WarnContext(ctx, "the answer is replayed only as long as its run is kept",
			"dependency", contract.StateStore, "error", err)
	}
}
