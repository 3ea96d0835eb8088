package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"daca/services/chat/agent"
	"daca/services/model/offline"
)

func dice(roll func(sides int) int) agent.Tool {
	return agent.Tool{
		Name:        "roll_dice",
		Description: "Rolls a die with the given number of sides, and returns what it shows.",
		Parameters:  json.RawMessage(`{"type":"object","properties":{"sides":{"type":"integer","minimum":2}}}`),
		Execute: func(_ context.Context, args json.RawMessage) (string, error) {
			in := struct{ Sides int }{Sides: 6}
			if err := json.Unmarshal(args, &in); err != nil {
				return "", fmt.Errorf("reading the arguments: %w", err)
			}
			if in.Sides < 2 {
				return "", errors.New("a die has at least two sides")
			}
			return strconv.Itoa(roll(in.Sides)), nil
		},
	}
}

// TestRecipe follows the recipe of CONTRIBUTING for a tool.
func TestRecipe(t *testing.T) {
	t.Parallel()
	const times = 4
	model, err := offline.New(offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(model)
	t.Cleanup(server.Close)
	gambler, err := agent.New(agent.Config{
		BaseURL: server.URL + "/v1",
		Model:   "offline",
		Tools:   []agent.Tool{dice(func(sides int) int { return sides * times })},
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"use the tool roll_dice":            "my tools say: 24",
		`call roll_dice with {"sides": 8}`:  "my tools say: 32",
		`call roll_dice with {"sides": 1}`:  "at least two sides",
		`call roll_dice with {"sides": ""}`: "reading the arguments",
	} {
		answer, err := gambler.Run(t.Context(), agent.Request{Text: text})
		if err != nil || !strings.Contains(answer.Reply, want) {
			t.Errorf("%s: Run = %q, %v; want %q in it", text, answer.Reply, err, want)
		}
	}
}

// TestRecipeIsThatOfContributing holds that what is tested here is what people read.
func TestRecipeIsThatOfContributing(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("recipe_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(document), "```go\n")
	code, _, ok := strings.Cut(code, "```")
	if !ok || !strings.Contains(string(source), code) {
		t.Errorf("CONTRIBUTING.md shows\n%s\nwhich is not what is tested", code)
	}
}
