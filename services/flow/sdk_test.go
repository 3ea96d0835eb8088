package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daca/services/internal/stack/stacktest"
)

// TestOpenAISDK chats through OpenAI's own SDK for JavaScript: streams, tools of both
// sides, and an answer that is given up.
func TestOpenAISDK(t *testing.T) {
	t.Parallel()
	stacktest.NeedNode(t)
	s := start(t, options{modelEnv: []string{"MODEL_BEHAVIOUR=delay=100ms"}})
	sdk := installSDK(t)

	var models struct {
		IDs []string
		One string
	}
	s.sdk(sdk, "models", "", &models)
	if !slices.Equal(models.IDs, []string{"daca", "daca-task"}) || models.One != "daca" {
		t.Errorf("the models are %+v", models)
	}

	var got sdkAnswer
	s.sdk(sdk, "chat", "js-chat", &got)
	if !strings.HasSuffix(got.Text, "Your name is Ada.") || got.Finish != "stop" || got.Tokens == 0 {
		t.Errorf("the answer is %+v", got)
	}
	s.counted("js-chat", 1)

	got = sdkAnswer{}
	s.sdk(sdk, "stream", "js-stream", &got)
	if !regexp.MustCompile(`^Welcome! .* my tools say: \d{4}-.* UTC$`).MatchString(got.Text) ||
		got.Chunks < 10 || got.Finish != "stop" || got.Tokens == 0 {
		t.Errorf("the stream is %+v", got)
	}
	s.counted("js-stream", 1)

	var tools struct {
		Text, Streamed string
		Roles          []string
	}
	s.sdk(sdk, "tools", "js-tools", &tools)
	const result = "my tools say: 11:40 in Dover"
	if !strings.HasSuffix(tools.Text, result) || !strings.HasSuffix(tools.Streamed, result) ||
		!slices.Equal(tools.Roles, []string{"user", "assistant", "tool", "assistant"}) {
		t.Errorf("with a tool of the client: %+v", tools)
	}
	s.counted("js-tools", 2) // one of each conversation: results of tools do not count

	asked := s.modelCalls()
	got = sdkAnswer{}
	s.sdk(sdk, "abort", "js-abort", &got)
	if got.Text == "" || strings.Contains(got.Text, "a a") {
		t.Errorf("the stream that was given up says %q", got.Text)
	}
	s.counted("js-abort", 1)
	// The whole answer would take ten seconds more.
	if !within(5*time.Second, func() bool { return s.modelCalls() == asked+1 }) {
		t.Error("the model goes on")
	}

	type refusal struct {
		Name, Code, Param string
		Status            int
	}
	var refused refusal
	s.sdk(sdk, "refused", "js-refused", &refused)
	if want := (refusal{"NotFoundError", "model_not_found", "model", 404}); refused != want {
		t.Errorf("an unknown model is refused by %+v; want %+v", refused, want)
	}
	if got, err := s.count("js-refused"); err != nil || got.status != 404 {
		t.Errorf("a refused request counts: %+v, %v", got, err)
	}
}

// sdkAnswer is what js/sdk.mjs prints of an answer.
type sdkAnswer struct {
	Text, Finish   string
	Tokens, Chunks int
}

// installSDK installs the SDK at the version of its lock file, and returns the program
// that uses it.
func installSDK(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "sdk.mjs"} {
		text, err := os.ReadFile(filepath.Join("js", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return filepath.Join(dir, "sdk.mjs")
}

// sdk runs a scenario of the program as the user, and decodes what it prints.
func (s *system) sdk(program, scenario, user string, into any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", program, s.chat.URL+"/v1", scenario, user).Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w\n%s", err, failed.Stderr)
		}
		s.t.Fatalf("scenario %s: %v\n%s", scenario, err, out)
	}
}
