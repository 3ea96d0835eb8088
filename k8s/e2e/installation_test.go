//go:build e2e

package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"daca/k8s/cluster/report"
)

// root is the root of the repository.
const root = "../.."

// installation is the suite in a namespace of its own, in which Kubernetes
// enforces the restricted Pod Security Standard.
type installation struct {
	*testing.T // of the step that runs
	whole      *testing.T
	namespace  string
	config     *rest.Config
	client     kubernetes.Interface

	forwards map[string]string // URLs by "resource:port"
	expected map[string]int    // answered messages by user
}

// newNamespace creates an empty namespace for the test; see prepare.
func newNamespace(t *testing.T, name string) *installation {
	t.Helper()
	s := prepare(t, name)
	_, err := s.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// prepare removes the namespace of that name, now and after the test. E2E_KEEP
// keeps it after the test. If the test fails, prepare prints the state of the
// namespace first.
func prepare(t *testing.T, name string) *installation {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatalf("%v; make e2e sets KUBECONFIG", err)
	}
	config.WarningHandler = rest.NoWarnings{} // objects lists deprecated kinds too
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &installation{
		T: t, whole: t, namespace: name, config: config, client: client,
		forwards: map[string]string{}, expected: map[string]int{},
	}
	s.delete(t.Context())
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if t.Failed() {
			report.Write(ctx, t.Output(), client, name)
		}
		if os.Getenv("E2E_KEEP") == "" {
			s.delete(ctx)
		}
	})
	return s
}

// delete removes the namespace if it exists, and waits until it is gone.
func (s *installation) delete(ctx context.Context) {
	s.Helper()
	out, err := s.command(ctx, "kubectl", "delete", "namespace", s.namespace,
		"--ignore-not-found", "--timeout", waitTimeout.String())
	if err != nil {
		s.Errorf("%v\n%s", err, out)
	}
}

// step runs a part of a test under a name of its own. The steps share an
// installation, so that the first one that fails ends the test.
func (s *installation) step(name string, run func(*installation)) {
	s.Helper()
	passed := s.whole.Run(name, func(t *testing.T) {
		s.T = t
		begin := time.Now()
		run(s)
		t.Logf("%.1fs", time.Since(begin).Seconds())
	})
	s.T = s.whole
	if !passed {
		s.Fatalf("%q failed, and the steps after it need it", name)
	}
}
