package kindcluster

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func TestUnready(t *testing.T) {
	t.Parallel()
	node := func(status corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n"},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}},
		}
	}
	pod := func(name string, conditions ...corev1.PodCondition) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "system"},
			Status:     corev1.PodStatus{Conditions: conditions},
		}
	}
	isReady := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue}

	for name, test := range map[string]struct {
		node corev1.ConditionStatus
		pods []runtime.Object
		want []string
	}{
		"nothing":  {corev1.ConditionTrue, []runtime.Object{pod("dns", isReady)}, nil},
		"the node": {corev1.ConditionFalse, []runtime.Object{pod("dns", isReady)}, []string{"node n"}},
		"a pod": {
			corev1.ConditionTrue, []runtime.Object{pod("dns", isReady), pod("proxy")}, []string{"proxy"},
		},
		"a pod that does not exist yet": {corev1.ConditionTrue, nil, []string{"pods in system"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(append(test.pods, node(test.node))...)
			got, err := unready(t.Context(), client, "system")
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
