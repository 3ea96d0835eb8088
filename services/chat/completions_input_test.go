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
	for name, body := range map[string]string{
		"a text":                             `{"model":"daca","messages":[{"role":"user","content":"` + fill("a") + `"}]}`,
		"messages":                           `{"model":"daca","messages":[{}` + fill(",{}") + `]}`,
		"parts":                              `{"model":"daca","messages":[{"role":"user","content":[{}` + fill(",{}") + `]}]}`,
		"calls":                              `{"model":"daca","messages":[{"role":"assistant","tool_calls":[{}` + fill(",{}") + `]}]}`,
		"tools":                              `{"model":"daca","messages":[{}],"tools":[{}` + fill(",{}") + `]}`,
		"stops":                              `{"model":"daca","messages":[{}],"stop":[""` + fill(`,""`) + `]}`,
		"as many messages as may be decoded": `{"model":"daca","messages":[{}` + strings.Repeat(",{}", 9_900) + `]}`,
		"as many calls as may be decoded":    `{"model":"daca","messages":[{"tool_calls":[{}` + strings.Repeat(",{}", 9_900) + `]}]}`,
		"members":                            `{"model":"daca","messages":[{}],"x":{"":0` + fill(`,"":0`) + `}}`,
		"nested":                             `{"model":"daca","messages":[{}],"x":` + fill("["),
		"a schema":                           `{"model":"daca","messages":[{}],"tools":[{"function":{"parameters":{"":0` + fill(`,"":0`) + `}}}]}`,
		"escaped texts":                      `{"model":"daca","messages":[{"role":"user","content":"` + fill(`\n`) + `"}]}`,
	} {
		f := &front{userHeader: "X-User"}
		request := httptest.NewRequestWithContext(t.Context(), "POST", completionsPath, strings.NewReader(body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = f.readCompletion(request)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 6<<20 {
			t.Errorf("%s: %d bytes of request take %d bytes", name, len(body), took)
		}
	}
}
