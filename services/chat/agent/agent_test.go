package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReplyIsPersonalised(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		instructions string
		want, never  string
	}{
		"by the count":                 {Instructions(5, true), "You had sent 5 messages before this one", "first"},
		"for the first message":        {Instructions(0, true), "This is your first message", "before this one"},
		"not when the count is hidden": {Instructions(5, false), "Hello!", "message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, err := setup(t, Config{}).run(t.Context(), tc.instructions, "good morning")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(reply, tc.want) || strings.Contains(reply, tc.never) {
				t.Errorf("reply = %q; want %q in it, and no %q", reply, tc.want, tc.never)
			}
		})
	}
}

func TestInstructions(t *testing.T) {
	t.Parallel()
	const unknown = "You are a helpful chatbot. Respond to user messages in a friendly and informative way. " +
		"If the user asks for the time, use the get_current_time tool."
	const known = unknown + " The user has sent 7 messages so far, so personalize your response accordingly."
	if diff := cmp.Diff(known, Instructions(7, true)); diff != "" {
		t.Errorf("with a count (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(unknown, Instructions(7, false)); diff != "" {
		t.Errorf("without a count (-want +got):\n%s", diff)
	}
}

func TestTimeComesFromTheTool(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("PKT", 5*60*60)
	clock := CurrentTime(func() time.Time { return time.Date(2026, 1, 2, 8, 4, 5, 0, zone) })
	for _, behaviour := range []string{"", "?tools=empty", "?tools=text"} {
		s := setup(t, Config{Model: "offline" + behaviour, Tools: []Tool{clock}})
		reply, err := s.run(t.Context(), Instructions(1, true), "What time is it?")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(reply, "2026-01-02 03:04:05 UTC") {
			t.Errorf("model offline%s: reply = %q; want the tool's time in UTC", behaviour, reply)
		}
		if turns := len(s.requests()); turns != 2 {
			t.Errorf("model offline%s was asked %d times; want 2", behaviour, turns)
		}
	}
}

// Each call waits until all have begun, and then for the next call to end.
func TestToolCallsRunAtOnceAndAnswerInOrder(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(3)
	var ended [5]chan struct{} // by n, from 1
	for n := range ended {
		ended[n] = make(chan struct{})
	}
	close(ended[4])
	tool := clockThat(func(ctx context.Context, args json.RawMessage) (string, error) {
		var in struct{ N int }
		if err := json.Unmarshal(args, &in); err != nil {
			return "", err
		}
		begun.Done()
		all := make(chan struct{})
		go func() { begun.Wait(); close(all) }()
		for _, barrier := range []chan struct{}{all, ended[in.N+1]} {
			select {
			case <-barrier:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		close(ended[in.N])
		return fmt.Sprintf("result %d", in.N), nil
	})
	s := setup(t, Config{Model: "offline?tools=parallel", Tools: []Tool{tool}, ToolTimeout: 10 * time.Second})
	if _, err := s.run(t.Context(), "", "hi"); err != nil {
		t.Fatal(err)
	}
	last := s.requests()[1].Messages
	calls := last[2].ToolCalls
	results := last[3:]
	for i, result := range results {
		if want := fmt.Sprintf("result %d", i+1); result.Content != want || result.ToolCallID != calls[i].ID {
			t.Errorf("result %d is %q for call %q; want %q for %q", i, result.Content, result.ToolCallID, want, calls[i].ID)
		}
	}
	if len(results) != 3 {
		t.Errorf("%d results; want 3", len(results))
	}
}

func TestModelIsToldOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		behaviour string
		execute   func(context.Context, json.RawMessage) (string, error)
		told      []string
		limit     time.Duration // for the tool
	}{
		"a failing tool": {"", func(context.Context, json.RawMessage) (string, error) {
			return "", errors.New("the clock is broken")
		}, []string{"failed", "again", "the clock is broken"}, time.Minute},
		"a panicking tool": {"", func(context.Context, json.RawMessage) (string, error) {
			panic("internals")
		}, []string{"failed", "broke down"}, time.Minute},
		"a tool that times out": {"", func(ctx context.Context, _ json.RawMessage) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}, []string{"get_current_time timed out after 20ms"}, 20 * time.Millisecond},
		"a tool that returns nothing": {"", func(context.Context, json.RawMessage) (string, error) {
			return "", nil
		}, []string{"returned nothing"}, time.Minute},
		"arguments that are not JSON": {"?tools=malformed", works, []string{"valid JSON", `{"zone": UTC`}, time.Minute},
		"a tool that does not exist": {
			"?tools=unknown", works, []string{`no tool "no_such_tool"`, "get_current_time"}, time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, Config{
				Model:       "offline" + tc.behaviour,
				Tools:       []Tool{clockThat(tc.execute)},
				ToolTimeout: tc.limit,
			})
			reply, err := s.run(t.Context(), "", "what time is it?")
			if err != nil || reply == "" {
				t.Fatalf("Run = %q, %v; want the loop to go on to a reply", reply, err)
			}
			told := s.requests()[1].Messages[3].Content
			for _, want := range tc.told {
				if !strings.Contains(told, want) {
					t.Errorf("the model was told %q; want %q in it", told, want)
				}
			}
			if strings.Contains(told, "internals") {
				t.Errorf("the model was told what the tool panicked with: %q", told)
			}
		})
	}
}

func TestCallsWithoutIDsGetIDs(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?tools=noid", Tools: []Tool{clockThat(works)}})
	// The offline model refuses a history whose ids are empty or not unique.
	if _, err := s.run(t.Context(), "", "hi"); err != nil {
		t.Fatal(err)
	}
}

func TestLoopEnds(t *testing.T) {
	t.Parallel()
	for _, turns := range []int{0, 3} {
		s := setup(t, Config{Model: "offline?tools=forever", Tools: []Tool{clockThat(works)}, MaxTurns: turns})
		_, err := s.run(t.Context(), "", "hi")
		failure, ok := errors.AsType[*Error](err)
		if !ok || failure.Kind != TurnsExceeded {
			t.Errorf("MaxTurns %d: error = %v; want TurnsExceeded", turns, err)
		}
		want := turns
		if turns == 0 {
			want = 10
		}
		if asked := len(s.requests()); asked != want {
			t.Errorf("MaxTurns %d: the model was asked %d times; want %d", turns, asked, want)
		}
	}
}

// TestSignaturesComeBack asks a model that, like Gemini, refuses calls in the
// history without their signatures, over two turns with calls.
func TestSignaturesComeBack(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?tools=gemini", Tools: []Tool{clockThat(works)}})
	reply, err := s.run(t.Context(), "", "hi")
	if err != nil || !strings.Contains(reply, "noon") {
		t.Errorf("Run = %q, %v; want the tool's result", reply, err)
	}
	if turns := len(s.requests()); turns != 3 {
		t.Errorf("the model was asked %d times; want 3", turns)
	}
}

// TestRunsDoNotMix makes many runs of one agent at once, with different
// instructions, texts and signatures.
func TestRunsDoNotMix(t *testing.T) {
	t.Parallel()
	s := setup(t, Config{Model: "offline?tools=gemini", Tools: []Tool{clockThat(works)}})
	plain := setup(t, Config{})
	var wg sync.WaitGroup
	for i := range int64(50) {
		wg.Go(func() {
			count := fmt.Sprintf("You had sent %d messages before this one.", i+2)
			text := fmt.Sprintf("text-%d-", i)
			reply, err := s.run(t.Context(), Instructions(i+2, true), text)
			if err != nil || !strings.Contains(reply, count) {
				t.Errorf("with tools: Run = %q, %v; want %q in it", reply, err, count)
			}
			reply, err = plain.run(t.Context(), Instructions(i+2, true), text)
			if err != nil || !strings.Contains(reply, count) || !strings.Contains(reply, text) {
				t.Errorf("without tools: Run = %q, %v; want %q and %q in it", reply, err, count, text)
			}
		})
	}
	wg.Wait()
	for _, request := range s.requests() {
		var n int64
		if _, err := fmt.Sscanf(request.Messages[1].Content, "text-%d-", &n); err != nil {
			t.Fatal(err)
		}
		if got := request.Messages[0].Content; got != Instructions(n+2, true) {
			t.Errorf("user %d was answered with the instructions %q", n, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	nameless := clockThat(works)
	nameless.Name = ""
	shapeless := clockThat(works)
	shapeless.Parameters = json.RawMessage(`"object"`)
	for name, cfg := range map[string]Config{
		"no model":                         {Model: " "},
		"a base URL without a scheme":      {Model: "m", BaseURL: "localhost:8002/v1"},
		"turns below zero":                 {Model: "m", MaxTurns: -1},
		"two tools of one name":            {Model: "m", Tools: []Tool{clockThat(works), clockThat(works)}},
		"a tool without a name":            {Model: "m", Tools: []Tool{nameless}},
		"a tool that does nothing":         {Model: "m", Tools: []Tool{clockThat(nil)}},
		"a tool without a schema":          {Model: "m", Tools: []Tool{shapeless}},
		"a base URL of another protocol":   {Model: "m", BaseURL: "ftp://localhost/v1"},
		"a model timeout below zero":       {Model: "m", ModelTimeout: -time.Second},
		"a base URL that cannot be parsed": {Model: "m", BaseURL: "http://[::1"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}
