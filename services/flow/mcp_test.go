package flow

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daca/services/internal/stack"
)

// everythingServer is the example of the SDK with a tool of each kind.
const everythingServer = "github.com/modelcontextprotocol/go-sdk/examples/server/everything"

// countsOverDapr is the configuration of the counts as a tool, through chat's own sidecar.
const countsOverDapr = `"counts":{"url":"http://127.0.0.1:${DAPR_HTTP_PORT}/v1.0/invoke/${ANALYTICS_APP_ID}/method/mcp"}`

// TestToolsOfMCPServers uses tools of real servers over both transports, and holds that
// a message costs one count whatever they do.
func TestToolsOfMCPServers(t *testing.T) {
	t.Parallel()
	everything := filepath.Join(t.TempDir(), "everything")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", everything, everythingServer)
	build.Dir = programs.root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	remote := serveOverHTTP(t, everything)
	s := start(t, options{
		replicas: 2, // any of them may get any request
		chatEnv: []string{fmt.Sprintf(`MCP_CONFIG={"mcpServers":{%s,
			"everything":{"command":%q,"allow":["greet","greet (structured)","elicit (form)"]},
			"remote":{"url":%q,"allow":["greet"]},
			"nosuch":{"command":"/no/such/server"}}}`, countsOverDapr, everything, remote)},
	})
	s.chatSays(`"status":"degraded"`, `"mcp:counts":"ok"`, `"mcp:everything":"ok"`, `"mcp:remote":"ok"`,
		`"mcp:nosuch":"away: its tools cannot be called"`)
	s.expect("POST", s.analytics[0].URL+"/analytics/bob/initialize", `{"message_count": 41}`, 200,
		`{"status":"success","user_id":"bob","message_count":41}`)
	for text, want := range map[string]string{
		`call counts__get_message_count with {"user_id":"bob"}`:            `{"message_count":41,"user_id":"bob"}`,
		`call counts__get_message_count with {"user_id":"nobody"}`:         "User not found",
		`call everything__greet with {"name":"Ada"}`:                       "Hi Ada",
		`call everything__greet__structured__2bba2771 with {"name":"Ada"}`: "Hi Ada",
		`call remote__greet with {"name":"Bob"}`:                           "Hi Bob",
		`call everything__elicit__form__108a2efe`:                          "does not support",
	} {
		if reply := s.say("alice", text); !strings.Contains(reply, want) {
			t.Errorf("%s is answered with %q; want %s", text, reply, want)
		}
	}
	s.counted("alice", 6)

	s.must(s.analytics[0].App.Stop(t.Context()))
	s.must(s.analytics[1].App.Stop(t.Context()))
	reply := s.say("alice", `call counts__get_message_count with {"user_id":"bob"}`)
	if !strings.Contains(reply, "is away") {
		t.Errorf("the reply while analytics is away is %q", reply)
	}
	s.chatSays(`"mcp:counts":"away: its tools cannot be called"`)
	s.restart(s.analytics[0].App)
	s.restart(s.analytics[1].App)
	s.chatSays(`"mcp:counts":"ok"`)
	s.counted("alice", 7)
}

// serveOverHTTP starts the server with streamable HTTP, and returns its URL.
func serveOverHTTP(t *testing.T, program string) string {
	t.Helper()
	ports, release, err := stack.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	release()
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	server := stack.NewProcess(stack.Command{Name: "remote", Path: program, Args: []string{"-http", address}})
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return "http://" + address
}

// chatSays waits until /readyz of chat has all the texts.
func (s *system) chatSays(texts ...string) {
	s.t.Helper()
	var got answer
	s.eventually(func() bool {
		var err error
		got, err = s.send("GET", s.chat.URL+"/readyz", "")
		for _, text := range texts {
			if err != nil || !strings.Contains(got.body, text) {
				return false
			}
		}
		return json.Valid([]byte(got.body))
	}, func() string { return fmt.Sprintf("/readyz answers %d %s; want %v", got.status, got.body, texts) })
}
