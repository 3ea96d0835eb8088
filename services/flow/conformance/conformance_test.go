package main

import (
	"strings"
	"testing"
)

// results are what go tool test2json says of five tests.
const results = `
{"Action":"run","Test":"TestGood"}
{"Action":"skip","Test":"TestGood/part"}
{"Action":"output","Test":"TestNotHere","Output":"    x_test.go:1: not applicable: there is no server\n"}
{"Action":"skip","Test":"TestNotHere"}
{"Action":"output","Test":"TestBad/part","Output":"    x_test.go:2: lost one\n"}
{"Action":"fail","Test":"TestBad/part"}
{"Action":"fail","Test":"TestBad","Elapsed":3}
{"Action":"output","Test":"TestSilent","Output":"    x_test.go:3: no server is installed\n"}
{"Action":"skip","Test":"TestSilent"}
{"Action":"output","Test":"TestPartly/b","Output":"    x_test.go:4: not applicable: only elsewhere\n"}
{"Action":"skip","Test":"TestPartly/b"}
{"Action":"pass","Test":"TestPartly"}
{"Action":"output","Test":"TestEnded","Output":"panic"}
`

// TestReport holds that nothing is passed over in silence: a test that is skipped for no
// good reason, or that did not come to its end, fails the whole.
func TestReport(t *testing.T) {
	t.Parallel()
	tests := []promise{
		{"bad", "TestBad"},
		{"not here", "TestNotHere"},
		{"silent", "TestSilent"},
		{"partly", "TestPartly"},
		{"ended", "TestEnded"},
	}
	c := column{pair: "p", outcomes: map[string]outcome{}, reasons: map[string]string{}}
	var printed strings.Builder
	if err := c.read(strings.NewReader(results), &printed); err != nil {
		t.Fatal(err)
	}
	err := report(&printed, tests, []column{c})
	if err == nil {
		t.Error("the report is good")
	}
	for _, want := range []string{
		"x_test.go:2: lost one", "| bad | FAIL |", "| not here | - |", "| silent | FAIL |", "| partly | ok |",
		"| ended | did not run |", "- TestNotHere on p: there is no server",
	} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &printed)
		}
	}
	c.outcomes = map[string]outcome{
		"TestBad": passed, "TestNotHere": notApplicable, "TestSilent": passed, "TestPartly": passed, "TestEnded": passed,
	}
	if err := report(&printed, tests, []column{c}); err != nil {
		t.Errorf("a good report is %v", err)
	}
}
