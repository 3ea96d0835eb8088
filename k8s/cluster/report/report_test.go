package report_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"daca/k8s/cluster/report"
)

func TestReport(t *testing.T) {
	t.Parallel()
	pod := func(name string, status corev1.PodStatus) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "suite"}, Status: status}
	}
	ready := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	client := fake.NewClientset(
		pod("fine", corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready}),
		pod("done", corev1.PodStatus{Phase: corev1.PodSucceeded}),
		pod("pulling", corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
			Name: "daprd", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
		}}}),
		pod("failing", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "chat", RestartCount: 1,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2}},
		}}}),
		pod("starting", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "chat", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}}),
		pod("unscheduled", corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "no node has the memory"},
		}}),
		&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "suite"}, Reason: "FailedCreate",
			InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Name: "chat-service"}, Message: "forbidden",
		},
	)

	t.Run("lists the pods that are not ready, and why", func(t *testing.T) {
		t.Parallel()
		got, err := report.Waiting(t.Context(), client, "suite")
		want := []string{
			"failing chat ended with 2", "pulling daprd ImagePullBackOff", "starting chat is not ready",
			"unscheduled no node has the memory",
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
	})

	t.Run("writes states, events and logs", func(t *testing.T) {
		t.Parallel()
		var text strings.Builder
		report.Write(t.Context(), &text, client, "suite")
		for _, want := range []string{
			"pod fine: Running", "daprd          ready false restarts 0  waiting: ImagePullBackOff",
			"FailedCreate StatefulSet/chat-service: forbidden",
			"-- log of failing/chat, before its restart", "-- log of failing/chat\n",
		} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("no %q in\n%s", want, &text)
			}
		}
	})
}
