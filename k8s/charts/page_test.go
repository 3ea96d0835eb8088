package charts

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// The page shows commands with these names.
func TestChatKnowsTheNamesOfTheSuite(t *testing.T) {
	t.Parallel()
	const values = `
chat: {service: {port: 80}, fullnameOverride: talk}
analytics: {fullnameOverride: counts, tokens: {adminSecret: mine}}
`
	r := render(t, "daca", values)
	find[corev1.Service](t, r, "Service", "talk")
	find[corev1.Service](t, r, "Service", "counts")
	chat := find[appsv1.StatefulSet](t, r, "StatefulSet", "talk").Spec.Template.Spec.Containers[0]
	for name, want := range map[string]string{
		"CLUSTER_CHAT": "talk:80", "CLUSTER_ANALYTICS": "counts:8001", "CLUSTER_ADMIN_SECRET": "mine",
	} {
		if got := env(chat, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if env(chat, "CLUSTER_NAMESPACE") == "" {
		t.Error("chat does not know its namespace")
	}
}
