package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daca/services/internal/contract"
)

// frontEndRequest is a file of testdata/front: a request as a front end sends it, and
// what becomes of it.
type frontEndRequest struct {
	About   string
	Method  string
	Target  string
	Headers map[string]string
	Body    json.RawMessage

	Counts int             // messages
	User   contract.UserID // whose messages they are
	Status int             // 0 is 200
	Error  string          // what the message of the error contains
}

// TestRequestsOfFrontEnds sends what Open WebUI and LibreChat send.
func TestRequestsOfFrontEnds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/front/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("the files are %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var r frontEndRequest
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &r)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, _, _ := newFront(t, "V1_API_KEY=sk-daca")
			var headers []string
			for name, value := range r.Headers {
				headers = append(headers, name, value)
			}
			rec := s.Send(r.Method, r.Target, string(r.Body), headers...)
			if r.Status == 0 {
				r.Status = 200
			}
			var got v1Answer
			_ = json.Unmarshal(rec.Body.Bytes(), &got) // a stream is none
			if rec.Code != r.Status || !strings.Contains(got.Error.Message, r.Error) {
				t.Errorf("%s It is answered %d %s", r.About, rec.Code, rec.Body)
			}
			var want []contract.UserID
			for range r.Counts {
				want = append(want, r.User)
			}
			s.counted(t, want...)
		})
	}
}
