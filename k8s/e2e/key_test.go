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

// TestModelKey takes the model's key from a Secret, replaces it by a wrong one,
// and uninstalls the suite, which has to leave what the notes say.
func TestModelKey(t *testing.T) {
	t.Parallel()
	s := namespace(t, "e2e-key")
	s.run("kubectl", "create", "secret", "generic", "daca-model", "--from-literal=api-key=right")
	s.run("kubectl", "apply", "--filename", "k8s/e2e/testdata/model-with-key.yaml")
	s.rolledOut("deployment/model-with-key")
	before := s.objects()
	s.step("a key from a Secret", func(s *installation) {
		s.install("chat.model.existingSecret=daca-model", "chat.model.baseURL=http://model-with-key:8002/v1", "chat.model.name=offline",
			"chat.replicaCount=1", "analytics.replicaCount=1")
		if s.say("alice", "hello") == "" {
			s.Error("the reply is empty")
		}
		if list, err := s.client.AppsV1().Deployments(s.namespace).List(s.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=daca,app.kubernetes.io/name=model"}); err != nil || len(list.Items) > 0 {
			s.Errorf("the offline model is installed beside the one that was given, %v", err)
		}
	})
	s.step("a wrong key", func(s *installation) {
		s.run("kubectl", "patch", "secret", "daca-model", "--patch", `{"stringData":{"api-key":"wrong"}}`)
		s.run("kubectl", "rollout", "restart", "statefulset/chat-service")
		s.rolledOut("statefulset/chat-service")
		s.forget()
		s.expect("POST", s.chat()+"/chat/", `{"user_id":"alice","text":"hello"}`, 502, `{"detail":"*"}`)
		s.counted() // what was not answered does not count
	})
	s.step("uninstalling", func(s *installation) {
		notes := s.run("helm", "get", "notes", "daca")
		s.run("helm", "uninstall", "daca", "--wait", "--timeout", waitTimeout.String())
		var left []string
		s.eventually(func() error {
			left = nil
			for _, object := range s.objects() {
				if !slices.Contains(before, object) {
					left = append(left, object)
				}
			}
			want := []string{"persistentvolumeclaims/data-daca-redis-0", "persistentvolumeclaims/spool-chat-service-0"}
			if !slices.Equal(left, want) {
				return fmt.Errorf("it leaves %q, and not only %q", left, want)
			}
			return nil
		})
		command := deletionOf(notes)
		if command == nil {
			s.Fatalf("the notes do not say how to delete volumes:\n%s", notes)
		}
		if out, err := s.command(s.Context(), "sh", "-c", *command); err != nil {
			s.Fatalf("%v\n%s", err, out)
		}
		if left := slices.DeleteFunc(s.objects(), func(o string) bool { return slices.Contains(before, o) }); len(left) > 0 {
			s.Errorf("after that there are still %q", left)
		}
	})
}

// deletionOf finds the command that deletes volumes in the notes.
func deletionOf(notes string) *string {
	for line := range strings.Lines(notes) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "kubectl -n ") && strings.Contains(line, "delete pvc") {
			return &line
		}
	}
	return nil
}

// objects lists everything in the namespace, but what the cluster writes about
// it by itself.
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
			found, err := client.Resource(version.WithResource(resource.Name)).Namespace(s.namespace).List(s.Context(), metav1.ListOptions{})
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
