//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// TestModelKey installs the suite with the model's key in a Secret, and with the tokens
// that the chart makes by default. It replaces the key by a wrong one, and uninstalls the
// suite. That has to leave only the volumes, and the command in the notes has to delete
// those.
func TestModelKey(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "e2e-key")
	s.run("kubectl", "create", "secret", "generic", "daca-model", "--from-literal=api-key=right")
	s.run("kubectl", "apply", "--filename", "k8s/e2e/testdata/model-with-key.yaml")
	s.rolledOut("deployment/model-with-key")
	before := s.objects()
	s.step("a key from a Secret", func(s *installation) {
		s.install(
			"chat.model.existingSecret=daca-model",
			"chat.model.baseURL=http://model-with-key:8002/v1",
			"chat.model.name=offline",
			"chat.replicaCount=1",
			"analytics.replicaCount=1",
			"analytics.tokens.enabled=true",
		)
		if s.say("alice", "hello") == "" {
			s.Error("the reply is empty")
		}
		if pods, err := s.list("model"); err != nil || len(pods) > 0 {
			s.Errorf("the offline model is installed beside the given one, %v", err)
		}
	})
	s.step("the tokens that the chart makes", tokens)
	s.step("a wrong key", func(s *installation) {
		s.run("kubectl", "patch", "secret", "daca-model", "--patch", `{"stringData":{"api-key":"wrong"}}`)
		s.run("kubectl", "rollout", "restart", "statefulset/chat-service")
		s.rolledOut("statefulset/chat-service")
		s.forget()
		s.expect("POST", s.chat()+"/chat/", `{"user_id":"alice","text":"hello"}`, 502, `{"detail":"*"}`)
		s.counted() // a message without an answer does not count
	})
	s.step("uninstalling", func(s *installation) {
		left := func() []string {
			return slices.DeleteFunc(s.objects(), func(o string) bool { return slices.Contains(before, o) })
		}
		notes := s.run("helm", "get", "notes", "daca")
		s.run("helm", "uninstall", "daca", "--wait", "--timeout", waitTimeout.String())
		s.eventually(func() error {
			want := []string{"persistentvolumeclaims/data-daca-redis-0", "persistentvolumeclaims/spool-chat-service-0"}
			if got := left(); !slices.Equal(got, want) {
				return fmt.Errorf("helm uninstall leaves %q; want only %q", got, want)
			}
			return nil
		})
		deletion, ok := commandIn(notes, "delete pvc")
		if !ok {
			s.Fatalf("the notes do not say how to delete the volumes:\n%s", notes)
		}
		if out, err := s.command(s.Context(), "sh", "-c", deletion); err != nil {
			s.Fatalf("%v\n%s", err, out)
		}
		if got := left(); len(got) > 0 {
			s.Errorf("%s leaves %q", deletion, got)
		}
	})
}

// commandIn returns the command of kubectl with the text that the notes show.
func commandIn(notes, text string) (command string, ok bool) {
	for line := range strings.Lines(notes) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "kubectl -n ") && strings.Contains(line, text) {
			return line, true
		}
	}
	return "", false
}

// objects lists everything in the namespace except for events, as "resource/name",
// sorted.
func (s *installation) objects() []string {
	s.Helper()
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		s.Fatal(err)
	}
	lists, err := s.client.Discovery().ServerPreferredNamespacedResources()
	if err != nil {
		s.Fatal(err)
	}
	var objects []string
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			s.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if resource.Name == "events" {
				continue
			}
			resources := client.Resource(version.WithResource(resource.Name)).Namespace(s.namespace)
			found, err := resources.List(s.Context(), metav1.ListOptions{})
			if err != nil {
				s.Fatal(err)
			}
			for _, object := range found.Items {
				objects = append(objects, resource.Name+"/"+object.GetName())
			}
		}
	}
	slices.Sort(objects)
	return objects
}
