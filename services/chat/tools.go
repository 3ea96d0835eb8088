package main

import (
	"time"

	"daca/services/chat/agent"
)

// tools returns the agent's own tools. CONTRIBUTING.md says how to add one.
func tools() []agent.Tool {
	return []agent.Tool{
		agent.CurrentTime(time.Now),
	}
}
