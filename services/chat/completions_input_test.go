package main

import (
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// TestACompletionCostsWhatItsTextDoes holds that no request makes the service allocate
// much more than its size: a value of a few bytes can cost hundreds when it is decoded.
func TestACompletionCostsWhatItsTextDoes(t *testing.T) {
	const size = maxCompletionBytes - 200
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	few := strings.Repeat(",{}", maxCompletionValues/2-100) // as many as may be decoded
	said := func(message string) string { return `"messages":[` + message + `]` }
	for name, members := range map[string]string{
		"a text":        said(`{"role":"user","content":"` + fill("a") + `"}`),
		"escaped texts": said(`{"role":"user","content":"` + fill(`\n`) + `"}`),
		"messages":      said(`{}` + fill(",{}")),
		"few messages":  said(`{}` + few),
		"parts":         said(`{"role":"user","content":[{}` + fill(",{}") + `]}`),
		"few parts":     said(`{"role":"user","content":[{}` + few + `]}`),
		"calls":         said(`{"role":"assistant","tool_calls":[{}` + fill(",{}") + `]}`),
		"few calls":     said(`{"role":"assistant","tool_calls":[{}` + few + `]}`),
		"tools":         `"tools":[{}` + fill(",{}") + `]`,
		"few tools":     `"tools":[{}` + few + `]`,
		"stops":         `"stop":[""` + fill(`,""`) + `]`,
		"members":       `"x":{"":0` + fill(`,"":0`) + `}`,
		"nested":        `"x":` + fill("["),
		"a schema":      `"tools":[{"function":{"parameters":{"":0` + fill(`,"":0`) + `}}}]`,
	} {
		body := `{"model":"daca",` + members + `}`
		f := &front{userHeader: "X-User"}
		request := httptest.NewRequestWithContext(t.Context(), "POST", completionsPath, strings.NewReader(body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = f.readCompletion(request)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: %d bytes of request take %d bytes", name, len(body), took)
		}
	}
}
