//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestLifeOfAnInstallation takes one installation through what happens to it over
// time: restarts, failures, upgrades. Every message that is answered meanwhile has
// to be counted at the end.
func TestLifeOfAnInstallation(t *testing.T) {
	t.Parallel()
	s := newNamespace(t, "e2e")
	s.step("the suite is installed", func(s *installation) { s.install() })
	s.step("every pod has its sidecar, and each sidecar its resources", sidecars)
	s.step("helm test passes", func(s *installation) {
		if out := s.run("helm", "test", "daca", "--logs"); strings.Count(out, `"status":"ready"`) != 2 {
			s.Errorf("helm test prints\n%s", out)
		}
	})
	s.step("the walk through the API", walkThrough)
	s.step("answers are followed while they are made", streams)
	s.step("messages are seen on their way", activity)
	s.step("the CronJob trims the streams, of what nobody needs", trimming)
	s.step("three replicas of analytics count 2,000 messages of one user", hotUser)
	s.step("counts survive the deletion of pods, killed sidecars, and Redis going away", deletions)
	s.step("no request fails during a rolling restart and an upgrade", updates)
	s.step("chat answers without analytics, and nothing is lost", withoutAnalytics)
	s.step("everything is counted, and nothing twice", func(s *installation) { s.counted() })
}

// sidecar is what is expected of the sidecars of a part of the suite.
type sidecar struct {
	id             string
	components     string // "name:type", sorted
	topics         string // "topic>dead-letter topic", sorted
	maxConcurrency int    // requests to the service at a time; 0 for no limit
}

// sidecars checks the sidecar of each pod of the services, and that the other pods
// have none.
func sidecars(s *installation) {
	for part, want := range map[string]sidecar{
		"chat": {id: "chat-service", components: "pubsub:pubsub.redis statestore:state.redis"},
		"analytics": {
			id:         "analytics-service",
			components: "pubsub:pubsub.redis statestore:state.redis",
			topics:     "deadletters messages>deadletters users>deadletters",
		},
	} {
		for _, pod := range s.pods(part) {
			if status, err := container(pod, "daprd"); err != nil || !status.Ready {
				s.Errorf("pod %s has no sidecar that is ready", pod.Name)
				continue
			}
			s.loadedResiliency(pod)
			if got := s.metadata(pod); got != want {
				s.Errorf("the sidecar of %s is %+v; want %+v", pod.Name, got, want)
			}
		}
	}
	for _, part := range []string{"redis", "model"} {
		for _, pod := range s.pods(part) {
			if len(pod.Spec.Containers)+len(pod.Spec.InitContainers) != 1 {
				s.Errorf("pod %s has a sidecar, but needs none", pod.Name)
			}
		}
	}
}

// loadedResiliency checks in the log of the sidecar that it has loaded the
// Resiliency, without which events are lost. The sidecar's metadata does not show
// it.
func (s *installation) loadedResiliency(pod corev1.Pod) {
	s.Helper()
	options := &corev1.PodLogOptions{Container: "daprd"}
	log, err := s.client.CoreV1().Pods(s.namespace).GetLogs(pod.Name, options).DoRaw(s.Context())
	if err != nil || !strings.Contains(string(log), "Loading Resiliency configuration: daca") {
		s.Errorf("the sidecar of %s has not loaded the Resiliency, %v", pod.Name, err)
	}
}

// metadata asks the sidecar of the pod about itself.
func (s *installation) metadata(pod corev1.Pod) sidecar {
	s.Helper()
	var answered struct {
		ID                      string
		Components              []struct{ Name, Type string }
		Subscriptions           []struct{ Topic, DeadLetterTopic string }
		AppConnectionProperties struct{ MaxConcurrency int }
	}
	got, err := s.send("GET", s.forward("pod/"+pod.Name, 3500)+"/v1.0/metadata", "")
	if err == nil {
		err = json.Unmarshal([]byte(got.body), &answered)
	}
	if err != nil {
		s.Fatal(err)
	}
	var components []string
	for _, c := range answered.Components {
		components = append(components, c.Name+":"+c.Type)
	}
	var topics []string
	for _, t := range answered.Subscriptions {
		topics = append(topics, strings.TrimSuffix(t.Topic+">"+t.DeadLetterTopic, ">"))
	}
	slices.Sort(components)
	slices.Sort(topics)
	return sidecar{
		id:             answered.ID,
		components:     strings.Join(components, " "),
		topics:         strings.Join(topics, " "),
		maxConcurrency: answered.AppConnectionProperties.MaxConcurrency,
	}
}

// walkThrough does what the tutorials show, at the ports of both services and of a
// sidecar.
func walkThrough(s *installation) {
	chat := s.chat()
	analytics := s.analytics()
	const welcome = `{"message":"Welcome to the DACA %s Service! Access /docs for the API documentation."}`
	s.expect("GET", chat+"/", "", 200, fmt.Sprintf(welcome, "Chat"))
	s.expect("GET", analytics+"/", "", 200, fmt.Sprintf(welcome, "Analytics"))

	s.expect("GET", analytics+"/analytics/alice", "", 404, `{"detail":"User not found"}`)
	const initialized = `{"status":"success","user_id":%q,"message_count":%d}`
	s.expect("POST", analytics+"/analytics/alice/initialize", `{"message_count":5}`,
		200, fmt.Sprintf(initialized, "alice", 5))
	s.expected["alice"] = 5
	s.expect("POST", analytics+"/analytics/bob/initialize?message_count=3", "",
		200, fmt.Sprintf(initialized, "bob", 3))
	s.expected["bob"] = 3

	if reply := s.say("alice", "Hi, how are you?"); !strings.Contains(reply, "5 messages") {
		s.Errorf("the reply does not have the count: %s", reply)
	}
	reply := s.say("bob", "What time is it?")
	if !strings.Contains(reply, "3 messages") || !strings.Contains(reply, " UTC") {
		s.Errorf("the reply does not have the count, or not the time: %s", reply)
	}
	s.counted()

	s.expect("GET", chat+"/users/alice?role=admin", "", 200, `{"user_id":"alice","role":"admin"}`)
	s.expect("POST", chat+"/chat/", `{"user_id":"alice","text":"  "}`,
		400, `{"detail":"Message text cannot be empty"}`)
	s.expect("POST", chat+"/users/charlie/register", "", 202, `{"status":"accepted","user_id":"charlie"}`)
	s.expected["charlie"] = 0
	s.counted()
	s.expect("GET", chat+"/readyz", "", 200, `{"status":"ready",*}`)

	dapr := s.forward("pod/"+s.pods("chat")[0].Name, 3500) + "/v1.0"
	s.expect("POST", dapr+"/publish/pubsub/messages", `{"event_type":"MessageSent","user_id":"alice"}`, 204, "")
	s.expected["alice"]++
	s.counted()
	alice := dapr + "/invoke/analytics-service/method/analytics/alice"
	s.expect("GET", alice, "", 200, `{"message_count":7}`)
	// Nobody may set counts through Dapr, and chat sees no state but its own.
	s.expect("POST", alice+"/initialize", `{"message_count":0}`, 403, "*")
	s.expect("GET", dapr+"/state/statestore/alice", "", 204, "")
	s.counted()
}

func hotUser(s *installation) {
	s.upgrade("analytics.replicaCount=3")
	if pods := s.pods("analytics"); len(pods) != 3 {
		s.Fatalf("analytics has %d pods", len(pods))
	}
	s.sayMany("hot", 2000)
	s.counted()
	s.upgrade("analytics.replicaCount=2")
}

// deletions deletes pods, kills sidecars and takes Redis away, with messages
// before, during and after it.
func deletions(s *installation) {
	s.say("alice", "before")
	s.run("kubectl", "delete", "pods", "--selector", "app.kubernetes.io/name=analytics", "--wait=false")
	s.say("alice", "while the pods of analytics are replaced")
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
	s.say("alice", "after the restart of the sidecars")
	s.counted()

	s.run("kubectl", "delete", "pod", "daca-redis-0", "--wait=false")
	for i := range 5 {
		s.say("alice", fmt.Sprintf("without Redis, %d", i))
	}
	s.rolledOut("statefulset/daca-redis", "deployment/analytics-service", "statefulset/chat-service")
	s.say("alice", "after")
	s.counted()
}

func withoutAnalytics(s *installation) {
	s.run("kubectl", "scale", "deployment/analytics-service", "--replicas=0")
	s.eventually(func() error {
		pods, err := s.list("analytics")
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("analytics still has %d pods", len(pods))
		}
		return err
	})
	for i := range 5 {
		// The offline model starts with this word if its prompt has no count; a count
		// of 0 would be answered with another.
		if reply := s.say("alice", fmt.Sprintf("without analytics, %d", i)); !strings.HasPrefix(reply, "Hello! ") {
			s.Errorf("the reply mentions a count that nobody knows: %s", reply)
		}
	}
	s.run("kubectl", "scale", "deployment/analytics-service", "--replicas=2")
	s.rolledOut("deployment/analytics-service")
	s.forget()
	s.counted()
}
