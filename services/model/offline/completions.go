package offline

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"
)

// completion is the answer to a request that is not streamed.
type completion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []choice     `json:"choices"`
	Usage   openai.Usage `json:"usage"`
}

type choice struct {
	Index        int                 `json:"index"`
	Message      message             `json:"message"`
	FinishReason openai.FinishReason `json:"finish_reason"`
}

func (s *server) completions(w http.ResponseWriter, r *http.Request) {
	req, apiErr := s.readRequest(w, r)
	if apiErr != nil {
		fail(w, apiErr)
		return
	}
	_, query, _ := strings.Cut(req.Model, "?")
	b, err := s.behaviour.with(query)
	if err != nil {
		fail(w, badRequest("model: %v", err))
		return
	}
	failing := s.fails(b, req.Model)
	if (failing || !req.Stream) && !wait(r, b.delay) {
		return
	}
	if failing {
		misbehave(w, r, b)
		return
	}
	if b.tools == "gemini" {
		if apiErr := checkSignatures(req); apiErr != nil {
			fail(w, apiErr)
			return
		}
	}
	whole := completion{
		ID:      "chatcmpl-" + fingerprint(req.body),
		Object:  "chat.completion",
		Created: s.opts.Now().Unix(),
		Model:   req.Model,
		Choices: []choice{},
	}
	said := reply(req, b)
	if b.body == "blank" {
		said.Content = new(" ")
	}
	whole.Usage = usage(req, said)
	if b.body != "empty" {
		whole.Choices = append(whole.Choices, choice{Message: said, FinishReason: said.finish})
	}
	if _, slowly := countsTo(req); slowly && b.delay == 0 {
		b.delay = slow
	}
	if req.Stream {
		stream(w, r, whole, req.StreamOptions.IncludeUsage, b)
		return
	}
	switch b.body {
	case "broken":
		answerHalf(w, whole)
		return
	case "error":
		answer(w, http.StatusOK, failed())
		return
	}
	answer(w, http.StatusOK, whole)
}

// failed returns the error that comes after a status of 200.
func failed() map[string]*apiError {
	return map[string]*apiError{
		"error": newError(http.StatusInternalServerError, "told_to_fail", "The offline model was told to fail"),
	}
}

// answerHalf answers with the first half of the JSON of body.
func answerHalf(w http.ResponseWriter, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		fail(w, newError(http.StatusInternalServerError, "", "%v", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b[:len(b)/2])
}

// wait waits for the delay. It returns false if the client gave up before its end.
func wait(r *http.Request, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
