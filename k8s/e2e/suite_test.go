//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"daca/k8s/cluster/report"
)

// TestSuite takes one installation through what happens to it in its life. What
// was answered at any time has to be counted at the end.
func TestSuite(t *testing.T) {
	t.Parallel()
	s := namespace(t, "e2e")
	s.step("is installed", func(s *installation) { s.install() })
	s.step("every pod has its sidecar, and each sidecar its resources", sidecars)
	s.step("helm test passes", func(s *installation) {
		if out := s.run("helm", "test", "daca", "--logs"); strings.Count(out, `"status":"ready"`) != 2 {
			s.Errorf("helm test prints\n%s", out)
		}
	})
	s.step("the walk-through of the tutorials", walkThrough)
	s.step("three analytics replicas count 2,000 messages of one user", hotUser)
	s.step("counts survive the deletion of pods and sidecars", deletions)
	s.step("a rolling restart and an upgrade fail no request", updates)
	s.step("without analytics chat answers, and nothing is lost", withoutAnalytics)
	s.step("everything is counted, and nothing twice", func(s *installation) { s.counted() })
}

// metadata is what a sidecar says of itself, as far as it matters here.
type metadata struct {
	ID            string
	Components    []struct{ Name, Type string }
	Subscriptions []struct{ PubsubName, Topic, DeadLetterTopic string }

	AppConnectionProperties struct{ MaxConcurrency int }
}

func sidecars(s *installation) {
	want := map[string]struct {
		id, components, topics string
		atATime                int
	}{
		"chat":      {"chat-service", "pubsub:pubsub.redis", "", 0},
		"analytics": {"analytics-service", "pubsub:pubsub.redis statestore:state.redis", "deadletters messages>deadletters users>deadletters", 1},
	}
	for part, want := range want {
		for _, pod := range s.pods(part) {
			all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
			if i := slices.IndexFunc(all, func(c corev1.ContainerStatus) bool { return c.Name == "daprd" }); i < 0 || !all[i].Ready {
				s.Errorf("pod %s has no sidecar that is ready", pod.Name)
				continue
			}
			// Metadata does not tell of Resiliency, without which events are lost.
			log, err := s.client.CoreV1().Pods(s.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: "daprd"}).DoRaw(s.Context())
			if err != nil || !strings.Contains(string(log), "Loading Resiliency configuration: daca") {
				s.Errorf("the sidecar of %s has not loaded the Resiliency, %v", pod.Name, err)
			}
			got, err := s.send("GET", s.forward("pod/"+pod.Name, 3500)+"/v1.0/metadata", "")
			var m metadata
			if err == nil {
				err = json.Unmarshal([]byte(got.body), &m)
			}
			if err != nil {
				s.Fatal(err)
			}
			var components, topics []string
			for _, c := range m.Components {
				components = append(components, c.Name+":"+c.Type)
			}
			for _, t := range m.Subscriptions {
				topics = append(topics, strings.TrimSuffix(t.Topic+">"+t.DeadLetterTopic, ">"))
			}
			slices.Sort(components)
			slices.Sort(topics)
			if m.AppConnectionProperties.MaxConcurrency != want.atATime {
				s.Errorf("the sidecar of %s sends the service %d requests at a time; want %d", pod.Name, m.AppConnectionProperties.MaxConcurrency, want.atATime)
			}
			if m.ID != want.id || strings.Join(components, " ") != want.components || strings.Join(topics, " ") != want.topics {
				s.Errorf("the sidecar of %s has the id %s, the components %q and the topics %q; want %+v", pod.Name, m.ID, components, topics, want)
			}
		}
	}
	for _, part := range []string{"redis", "model"} {
		for _, pod := range s.pods(part) {
			if len(pod.Spec.Containers)+len(pod.Spec.InitContainers) != 1 {
				s.Errorf("pod %s has a sidecar, and needs none", pod.Name)
			}
		}
	}
}

// walkThrough does what both tutorials show, at both services' ports.
func walkThrough(s *installation) {
	chat, analytics := s.chat(), s.analytics()
	s.expect("GET", chat+"/", "", 200, `{"message":"Welcome to the DACA Chat Service! Access /docs for the API documentation."}`)
	s.expect("GET", analytics+"/", "", 200, `{"message":"Welcome to the DACA Analytics Service! Access /docs for the API documentation."}`)
	s.expect("GET", analytics+"/analytics/alice", "", 404, `{"detail":"User not found"}`)
	s.expect("POST", analytics+"/analytics/alice/initialize", `{"message_count":5}`, 200, `{"status":"success","user_id":"alice","message_count":5}`)
	s.expect("POST", analytics+"/analytics/bob/initialize?message_count=3", "", 200, `{"status":"success","user_id":"bob","message_count":3}`)
	s.expected["alice"], s.expected["bob"] = 5, 3
	if reply := s.say("alice", "Hi, how are you?"); !strings.Contains(reply, "5 messages") {
		s.Errorf("the reply is not personal: %s", reply)
	}
	if reply := s.say("bob", "What time is it?"); !strings.Contains(reply, "3 messages") || !strings.Contains(reply, " UTC") {
		s.Errorf("the reply is not personal, or has no time: %s", reply)
	}
	s.counted()
	s.expect("GET", chat+"/users/alice?role=admin", "", 200, `{"user_id":"alice","role":"admin"}`)
	s.expect("POST", chat+"/chat/", `{"user_id":"alice","text":"  "}`, 400, `{"detail":"Message text cannot be empty"}`)
	s.expect("POST", chat+"/users/charlie/register", "", 202, `{"status":"accepted","user_id":"charlie"}`)
	s.expected["charlie"] = 0
	s.counted()
	s.expect("GET", chat+"/readyz", "", 200, `{"status":"ready",*}`)

	sidecar := s.forward("pod/"+s.pods("chat")[0].Name, 3500)
	s.expect("POST", sidecar+"/v1.0/publish/pubsub/messages", `{"event_type":"MessageSent","user_id":"alice"}`, 204, "")
	s.expected["alice"]++
	s.counted()
	s.expect("GET", sidecar+"/v1.0/invoke/analytics-service/method/analytics/alice", "", 200, `{"message_count":7}`)
	// Nobody may set counts through Dapr, and chat may read no state.
	s.expect("POST", sidecar+"/v1.0/invoke/analytics-service/method/analytics/alice/initialize", `{"message_count":0}`, 403, "*")
	s.expect("GET", sidecar+"/v1.0/state/statestore/alice", "", 500, "*ERR_STATE_STORE_NOT_CONFIGURED*")
	s.counted()
}

func hotUser(s *installation) {
	s.upgrade("analytics.replicaCount=3")
	if pods := s.pods("analytics"); len(pods) != 3 {
		s.Fatalf("there are %d pods of analytics", len(pods))
	}
	s.sayMany("hot", 2000)
	s.counted()
	s.upgrade("analytics.replicaCount=2")
}

// deletions deletes pods, kills sidecars and takes Redis away, with messages
// before, in between and after it.
func deletions(s *installation) {
	s.say("alice", "before")
	s.run("kubectl", "delete", "pods", "--selector", "app.kubernetes.io/name=analytics", "--wait=false")
	s.say("alice", "while the pods of analytics go")
	s.rolledOut("deployment/analytics-service")
	s.forget()
	s.counted()

	for _, part := range []string{"analytics", "chat"} {
		for _, pod := range s.pods(part) {
			s.kill(pod.Name, "daprd")
		}
		s.restarted(part, "daprd")
	}
	s.forget()
	s.say("alice", "after the sidecars")
	s.counted()

	s.run("kubectl", "delete", "pod", "daca-redis-0", "--wait=false")
	for i := range 5 {
		s.say("alice", fmt.Sprintf("without Redis, %d", i))
	}
	s.rolledOut("statefulset/daca-redis", "deployment/analytics-service", "statefulset/chat-service")
	s.say("alice", "after")
	s.counted()
}

// kill ends the process of a container without notice, from the node. One that
// is between two of its lives is killed in the next.
func (s *installation) kill(name, container string) {
	s.Helper()
	s.eventually(func() error {
		pod, err := s.client.CoreV1().Pods(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
		i := slices.IndexFunc(all, func(c corev1.ContainerStatus) bool { return c.Name == container })
		if i < 0 || all[i].State.Running == nil {
			return fmt.Errorf("%s of %s does not run", container, name)
		}
		_, id, _ := strings.Cut(all[i].ContainerID, "://")
		cmd := exec.CommandContext(s.Context(), "docker", "exec", pod.Spec.NodeName, "ctr", "--namespace", "k8s.io", "task", "kill", "--signal", "SIGKILL", id)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("killing %s of %s: %w: %s", container, name, err, out)
		}
		return nil
	})
}

// restarted waits until the container of each pod of the part was started again,
// and the pod is ready.
func (s *installation) restarted(part, container string) {
	s.Helper()
	s.eventually(func() error {
		for _, pod := range s.pods(part) {
			for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				if c.Name == container && (c.RestartCount == 0 || !c.Ready) {
					return fmt.Errorf("%s of %s was restarted %d times, ready %t", container, pod.Name, c.RestartCount, c.Ready)
				}
			}
			if !report.Ready(pod) {
				return fmt.Errorf("%s is not ready", pod.Name)
			}
		}
		return nil
	})
}

func withoutAnalytics(s *installation) {
	s.run("kubectl", "scale", "deployment/analytics-service", "--replicas=0")
	s.eventually(func() error {
		list, err := s.client.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=analytics"})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("%d pods of analytics are left", len(list.Items))
		}
		return err
	})
	for i := range 5 {
		// The offline model greets so when it is told of no count, not even of 0.
		if reply := s.say("alice", fmt.Sprintf("without analytics, %d", i)); !strings.HasPrefix(reply, "Hello! ") {
			s.Errorf("the reply speaks of a count that nobody could tell: %s", reply)
		}
	}
	s.run("kubectl", "scale", "deployment/analytics-service", "--replicas=2")
	s.rolledOut("deployment/analytics-service")
	s.forget()
	s.counted()
}
