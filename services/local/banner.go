package main

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// banner says what runs where and what to try first.
func (l *launcher) banner(kind redisKind, took time.Duration) string {
	chat := fmt.Sprintf("http://localhost:%d", l.cfg.ChatPort)
	analytics := fmt.Sprintf("http://localhost:%d", l.cfg.AnalyticsPort)
	return fmt.Sprintf(`
----------------------------------------------------------------------
The suite is up, after %.1f seconds.

  Chat        %[2]s in a browser, %[2]s/docs
  Analytics   %[3]s/docs
  Health      %[2]s/readyz  %[3]s/readyz
  Model       %[4]s
%[5]s
Open %[2]s, or try it in another terminal:

  curl -s %[2]s/chat/ -H 'Content-Type: application/json' \
    -d '{"user_id": "alice", "text": "Hello! What time is it?"}'
  curl -s %[3]s/analytics/alice

Ctrl-C stops everything.
----------------------------------------------------------------------
`, took.Seconds(), chat, analytics, l.cfg.modelName(), l.stores(kind))
}

// stores says where data is kept, in lines of the banner.
func (l *launcher) stores(kind redisKind) string {
	var lines string
	if l.cfg.Components != "" {
		lines += fmt.Sprintf("  Components  %s\n", l.cfg.Components)
	}
	switch kind {
	case redisNone:
	case redisNamed:
		lines += fmt.Sprintf("  Redis       %s\n", l.cfg.RedisHost)
	case redisServer:
		lines += fmt.Sprintf("  Redis       redis-server, keeps everything in %s\n", shown(l.redisDir()))
	case redisEmbedded:
		why := "; install redis-server to keep it"
		if l.installed {
			why = ", as DACA_STORE=embedded says"
		}
		lines += "  Redis       embedded, forgets what it has at the end" + why + "\n"
	}
	return lines
}

// shown returns the path as a person would type it here.
func shown(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
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

// noDiscovery explains why chat does not know any counts.
func noDiscovery(err error) string {
	return fmt.Sprintf(`WARNING: the sidecars cannot find each other, so chat answers without
knowing how many messages a user has sent. Messages are counted nevertheless.
Sidecars look for each other in names/names.db in DACA_DIR, unless their
configuration says otherwise. What the sidecars print tells what is wrong.
  (%v)
`, err)
}
