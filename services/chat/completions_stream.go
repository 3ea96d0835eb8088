package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/tmaxmax/go-sse"

	"daca/services/chat/agent"
	"daca/services/internal/plainjson"
)

// A stream begins with the first token. A model that thinks longer than firstComment gets
// a comment instead, and one at each commentInterval, so that no proxy gives up. Until
// then a failure has a status of its own, by which clients try again.
const (
	firstComment    = time.Second
	commentInterval = 10 * time.Second
)

// stream answers the request with chunks.
func (f *front) stream(c *gin.Context, q *completion) {
	out := &chunkStream{q: q, w: c.Writer}
	q.request.Observe = out.observe
	beating, stop := context.WithCancel(c.Request.Context())
	var heart sync.WaitGroup
	heart.Go(func() { out.comment(beating) })
	answer, failure := f.run(c.Request.Context(), q)
	stop()
	heart.Wait()
	switch {
	case failure == nil:
		out.finish(answer)
	case out.begun:
		out.send(v1Problem{failure})
	default:
		failure.refuse(c)
	}
}

// chunkStream writes the chunks of a completion as server-sent events. What cannot be
// written is dropped: then the client is gone, and the request ends.
type chunkStream struct {
	q      *completion
	spoke  bool // whether there was text
	called bool // whether the agent has called tools since

	mu    sync.Mutex // guards what follows, because comments come in between
	w     http.ResponseWriter
	begun bool // whether the headers are sent
}

// comment writes comments until ctx ends.
func (s *chunkStream) comment(ctx context.Context) {
	timer := time.NewTimer(firstComment)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			m := &sse.Message{}
			m.AppendComment("thinking")
			s.write(m)
			timer.Reset(commentInterval)
		case <-ctx.Done():
			return
		}
	}
}

// observe passes on what the model says. Its remarks before a call of a tool are set
// apart from what it says after that.
func (s *chunkStream) observe(e agent.Event) {
	switch e := e.(type) {
	case agent.ToolCalled:
		s.called = true
	case agent.Token:
		if s.spoke && s.called {
			e.Text = "\n\n" + e.Text
		}
		s.say(e.Text)
	}
}

// say sends a piece of text, and the role before the first one.
func (s *chunkStream) say(text string) {
	if !s.spoke {
		s.delta(delta{Role: agent.RoleAssistant, Content: new(string)})
	}
	s.spoke, s.called = true, false
	s.delta(delta{Content: &text})
}

// finish sends what follows the text: calls of the client's tools, the reason of the end
// and the usage.
func (s *chunkStream) finish(answer agent.Answer) {
	if !s.spoke {
		s.delta(delta{Role: agent.RoleAssistant, Content: new(string)})
	}
	for i, call := range outputCalls(answer.Calls) {
		call.Index = &i
		s.delta(delta{ToolCalls: []outputCall{call}})
	}
	s.chunk(chunkChoice{FinishReason: new(finishReason(answer))})
	if s.q.includeUsage {
		last := s.newChunk()
		last.Usage, _ = json.Marshal(answer.Usage) // three numbers
		s.send(last)
	}
	s.data([]byte("[DONE]"))
}

func (s *chunkStream) delta(d delta) { s.chunk(chunkChoice{Delta: d}) }

func (s *chunkStream) chunk(choice chunkChoice) {
	c := s.newChunk()
	c.Choices = append(c.Choices, choice)
	if s.q.includeUsage {
		c.Usage = json.RawMessage("null")
	}
	s.send(c)
}

func (s *chunkStream) newChunk() completionChunk {
	return completionChunk{
		ID: s.q.id, Object: "chat.completion.chunk", Created: s.q.received.Unix(), Model: s.q.model,
		Choices: []chunkChoice{},
	}
}

// send sends an object as an event.
func (s *chunkStream) send(object any) {
	if line, err := plainjson.Marshal(object); err == nil {
		s.data(line)
	}
}

func (s *chunkStream) data(line []byte) {
	m := &sse.Message{}
	m.AppendData(string(line))
	s.write(m)
}

func (s *chunkStream) write(m *sse.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		beginEvents(s.w)
	}
	if _, err := m.WriteTo(s.w); err == nil {
		_ = http.NewResponseController(s.w).Flush()
	}
}
