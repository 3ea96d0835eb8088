package charts

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

const servers = `
mcp:
  servers:
    search: {url: "https://${HOST}/mcp?a=1&b=2", headers: {Authorization: "Bearer ${TOKEN}"}, timeout: 5s}
    files: {command: mcp-files, args: [/data], env: {KEY: k}, allow: [read_file]}
`

// serversOfChat is the same as chat reads it.
const serversOfChat = `{"mcpServers": {
	"search": {"url": "https://${HOST}/mcp?a=1&b=2", "headers": {"Authorization": "Bearer ${TOKEN}"}, "timeout": "5s"},
	"files": {"command": "mcp-files", "args": ["/data"], "env": {"KEY": "k"}, "allow": ["read_file"]}
}}`

func TestMCPServersReachTheService(t *testing.T) {
	t.Parallel()
	r := render(t, "daca", ofChat(servers))
	set := chatSet(t, r)
	reference := sourceOf(set.Template.Spec.Containers[0], "MCP_CONFIG")
	if reference == nil {
		t.Fatal("MCP_CONFIG is not from a Secret")
	}
	secret := find[corev1.Secret](t, r, "Secret", reference.Name)
	var got, want any
	if err := json.Unmarshal(secret.Data[reference.Key], &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(serversOfChat), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	other := chatSet(t, render(t, "daca", ofChat(servers+"    more: {url: http://more}")))
	const checksum = "checksum/mcp-servers"
	if a, b := set.Template.Annotations[checksum], other.Template.Annotations[checksum]; a == "" || a == b {
		t.Errorf("a change of the servers does not restart the pods: checksums %q and %q", a, b)
	}

	r = render(t, "daca", "")
	if sourceOf(chatSet(t, r).Template.Spec.Containers[0], "MCP_CONFIG") != nil || r.has("Secret", reference.Name) {
		t.Error("without servers there is a configuration of them")
	}
	r = render(t, "daca", ofChat(servers+"  existingSecret: mine\n  existingSecretKey: all"))
	mine := sourceOf(chatSet(t, r).Template.Spec.Containers[0], "MCP_CONFIG")
	if mine == nil || mine.Name != "mine" || mine.Key != "all" {
		t.Errorf("with a Secret of one's own, MCP_CONFIG is from %v", mine)
	}
}

// ofChat returns values of chat as values of the suite.
func ofChat(values string) string { return "chat:\n" + strings.ReplaceAll(values, "\n", "\n  ") }

// sourceOf returns the Secret that the variable comes from, or nil.
func sourceOf(c corev1.Container, name string) *corev1.SecretKeySelector {
	for _, e := range c.Env {
		if e.Name == name && e.ValueFrom != nil {
			return e.ValueFrom.SecretKeyRef
		}
	}
	return nil
}
