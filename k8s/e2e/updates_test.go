//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// loadImage is the image of ./load. "make e2e" loads it into the cluster.
const loadImage = "daca/load:e2e"

// stats has the fields of Stats in ./load.
type stats struct {
	Answered map[string]int
	Failed   int
	Failures []string
}

// updates restarts both services pod by pod, and upgrades the release to another
// model. Meanwhile another pod of the cluster keeps sending messages.
func updates(s *installation) {
	s.startLoad()
	url := s.forward("pod/load", 8080)
	s.eventually(func() error {
		got, err := s.send("GET", url+"/stats", "")
		if err == nil && !strings.Contains(got.body, `"load-3":`) {
			err = fmt.Errorf("not every user of the load generator has been answered: %s", got)
		}
		return err
	})
	both := []string{"statefulset/chat-service", "deployment/analytics-service"}
	s.run("kubectl", append([]string{"rollout", "restart"}, both...)...)
	s.rolledOut(both...)
	// To other settings, and to a model of the user's own, which here is the same.
	s.upgrade("chat.model.baseURL=http://daca-model:8002/v1", "chat.model.name=offline", "offlineModel.keep=true",
		"chat.config.LOG_LEVEL=debug", "analytics.config.LOG_LEVEL=debug")

	got, err := s.send("POST", url+"/stop", "")
	var result stats
	if err == nil {
		err = json.Unmarshal([]byte(got.body), &result)
	}
	if err != nil {
		s.Fatal(err)
	}
	total := 0
	for user, n := range result.Answered {
		s.expected[user] = n
		total += n
	}
	s.Logf("%d messages were answered during the restart and the upgrade", total)
	if result.Failed > 0 {
		s.Errorf("%d messages failed, such as\n%s", result.Failed, strings.Join(result.Failures, "\n"))
	}
	s.run("kubectl", "delete", "pod", "load")
	s.forget()
	s.counted()
}

// startLoad starts the load generator. It reaches chat through its Service, as any
// client in the cluster does.
func (s *installation) startLoad() {
	s.Helper()
	_, err := s.client.CoreV1().Pods(s.namespace).Create(s.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "load"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "load", Image: loadImage, ImagePullPolicy: corev1.PullNever,
				Args: []string{"-url", "http://chat-service:8000/chat/"},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceMemory: resource.MustParse("16Mi"),
				}},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
}
