package agent

import (
	"context"
	"encoding/json"
	"time"
)

// CurrentTime returns the tool that reads the time from now, in UTC.
func CurrentTime(now func() time.Time) Tool {
	return Tool{
		Name:        "get_current_time",
		Description: "Returns the current date and time in UTC.",
		Parameters:  json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`),
		Execute: func(context.Context, json.RawMessage) (string, error) {
			return now().UTC().Format("2006-01-02 15:04:05 UTC"), nil
		},
	}
}
