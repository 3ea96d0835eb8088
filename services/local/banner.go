package main

import (
	"cmp"
	"fmt"
	"net/url"
	"time"
)

// banner says what runs where and what to try first.
func (c *config) banner(took time.Duration) string {
	chat := fmt.Sprintf("http://localhost:%d", c.ChatPort)
	analytics := fmt.Sprintf("http://localhost:%d", c.AnalyticsPort)
	return fmt.Sprintf(`
----------------------------------------------------------------------
The suite is up, after %.1f seconds.

  Chat        %[2]s/docs
  Analytics   %[3]s/docs
  Health      %[2]s/readyz  %[3]s/readyz
  Model       %[4]s
  Redis       %[5]s

Try it in another terminal:

  curl -s %[2]s/chat/ -H 'Content-Type: application/json' \
    -d '{"user_id": "alice", "text": "Hello! What time is it?"}'
  curl -s %[3]s/analytics/alice

Ctrl-C stops everything.
----------------------------------------------------------------------
`, took.Seconds(), chat, analytics, c.modelName(), c.redisName())
}

// modelName describes the model without any secret.
func (c *config) modelName() string {
	switch {
	case c.offline():
		return "offline, with canned answers; set OPENAI_API_KEY for a real one"
	case c.OpenAIBaseURL != "":
		u, err := url.Parse(c.OpenAIBaseURL)
		if err != nil {
			return "at OPENAI_BASE_URL"
		}
		return cmp.Or(c.OpenAIModel, "the default model") + " at " + u.Host
	case c.OpenAIKey != "":
		return cmp.Or(c.OpenAIModel, "the default model") + " of OpenAI"
	default:
		return cmp.Or(c.OpenAIModel, "the default model") + " of Gemini"
	}
}

func (c *config) redisName() string {
	if c.RedisHost != "" {
		return c.RedisHost
	}
	return "embedded, forgets everything at the end; set REDIS_HOST for one that keeps it"
}

// noDiscovery explains why chat does not know any counts.
func noDiscovery(err error) string {
	return fmt.Sprintf(`WARNING: the sidecars cannot find each other, so chat answers without
knowing how many messages a user has sent. Messages are counted nevertheless.
Sidecars look for each other by multicast DNS (UDP port 5353). A VPN or a
firewall may stop that, and so does a machine without any network. Switch the
VPN off, allow daprd to use multicast, or join a network, then start again.
  (%v)
`, err)
}
