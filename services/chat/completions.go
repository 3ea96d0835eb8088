package main

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"daca/services/chat/activity"
	"daca/services/chat/agent"
	"daca/services/internal/contract"
)

// maxIdempotencyKey is the longest key, in bytes.
const maxIdempotencyKey = 255

// anonymous is the user of requests that name none.
const anonymous contract.UserID = "anonymous"

// completion is a valid request of POST /v1/chat/completions.
type completion struct {
	id             string
	received       time.Time
	model          string
	user           contract.UserID
	idempotencyKey string // or empty
	counts         bool   // whether an answer to it is a message of the user
	stream         bool
	includeUsage   bool // in the stream
	request        agent.Request
}

// newCompletion converts the input. The error is the answer.
func (f *front) newCompletion(in *completionInput, header http.Header) (*completion, *v1Error) {
	said, refusal := in.conversation()
	if refusal != nil {
		return nil, refusal
	}
	tools, refusal := in.clientTools()
	if refusal != nil {
		return nil, refusal
	}
	user, refusal := f.userOf(in.User, header)
	if refusal != nil {
		return nil, refusal
	}
	key := header.Get("Idempotency-Key")
	if len(key) > maxIdempotencyKey {
		return nil, badV1("", "The Idempotency-Key is longer than %d bytes", maxIdempotencyKey)
	}
	return &completion{
		id:             "chatcmpl-" + uuid.NewString(),
		received:       time.Now(),
		model:          in.Model,
		user:           user,
		idempotencyKey: key,
		counts:         in.Model == agentModel && said.text != "",
		stream:         in.Stream,
		includeUsage:   in.StreamOptions.IncludeUsage,
		request: agent.Request{
			Instructions: said.instructions, History: said.history, Text: said.text,
			Tools: tools, Options: in.Options,
		},
	}, nil
}

// userOf returns whose request it is.
func (f *front) userOf(given contract.UserID, header http.Header) (contract.UserID, *v1Error) {
	param := "user"
	if given == "" {
		param = f.userHeader
		given = cmp.Or(contract.UserID(header.Get(f.userHeader)), anonymous)
	}
	if err := given.Validate(); err != nil {
		return "", badV1(param, "%s: %v", param, err)
	}
	return given, nil
}

// complete handles POST /v1/chat/completions.
func (f *front) complete(c *gin.Context) {
	q, refusal := f.readCompletion(c.Request)
	if refusal != nil {
		refusal.refuse(c)
		return
	}
	if q.stream {
		f.stream(c, q)
		return
	}
	answer, failure := f.run(c.Request.Context(), q)
	if failure != nil {
		failure.refuse(c)
		return
	}
	answerJSON(c, http.StatusOK, q.whole(answer))
}

// run answers the request and, if it counts, publishes that before it returns. An answer
// counts too when the client left after its first token. After a failure nothing counts.
func (f *front) run(ctx context.Context, q *completion) (agent.Answer, *v1Error) {
	var shown *activity.Message
	if q.counts {
		shown = f.shown.Begin(contract.MessageSent, q.user, q.received)
	}
	responder := f.prepare(ctx, q)
	running, cancel := context.WithTimeout(ctx, f.agentTimeout)
	defer cancel()
	begun := false
	if observe := q.request.Observe; observe != nil {
		q.request.Observe = func(e agent.Event) {
			if _, ok := e.(agent.Token); ok {
				begun = true
			}
			observe(e)
		}
	}
	answer, err := responder.Run(running, q.request)
	if err != nil && (!begun || ctx.Err() == nil) {
		failure := f.unanswered(ctx, running, err)
		shown.Fail(failure.Message)
		return answer, failure
	}
	if err == nil {
		f.modelOutcome.Set(nil)
	}
	if q.counts {
		event := newEvent(contract.MessageSent, q.user, q.idempotencyKey)
		event.Received = q.received
		if err := f.publish(ctx, shown, event, q.idempotencyKey); err != nil {
			return answer, f.shaped(ctx, err)
		}
	}
	if err != nil {
		f.logger.InfoContext(ctx, "the client left in the middle of the answer")
		return answer, badV1("", "The request was given up")
	}
	return answer, nil
}

// prepare completes the instructions of the request, and returns who answers it. What the
// client instructs comes after that.
func (f *front) prepare(ctx context.Context, q *completion) responder {
	if q.model == taskModel {
		return f.tasks
	}
	count, known := f.count(ctx, q.user)
	instructions := agent.Instructions(count, known) + f.tools.Notice()
	if q.request.Instructions != "" {
		instructions += "\n\n" + q.request.Instructions
	}
	q.request.Instructions = instructions
	q.request.Tools = append(f.notHidden(q.request.Tools), q.request.Tools...)
	return f.agent
}

// notHidden returns the tools of MCP servers, without those whose names the client's have.
func (f *front) notHidden(clients []agent.Tool) []agent.Tool {
	return slices.DeleteFunc(slices.Clone(f.tools.Tools()), func(t agent.Tool) bool {
		return slices.ContainsFunc(clients, func(of agent.Tool) bool { return of.Name == t.Name })
	})
}
