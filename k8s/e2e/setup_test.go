//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"daca/k8s/cluster/report"
)

const (
	root         = "../.."
	startTimeout = 3 * time.Minute // of a suite, on a loaded machine
	waitTimeout  = 2 * time.Minute // of everything else
	pollInterval = 200 * time.Millisecond
)

// installation is the suite in a namespace of its own, in which Pod Security
// enforces its strictest level.
type installation struct {
	*testing.T // of the step that runs
	whole      *testing.T
	namespace  string
	config     *rest.Config
	client     kubernetes.Interface

	mu       sync.Mutex
	forwards map[string]string // URLs by "resource:port"
	expected map[string]int    // messages by user
}

// namespace makes an empty namespace for the test, see prepare.
func namespace(t *testing.T, name string) *installation {
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

// prepare sees to it that there is no namespace of that name, now and after the
// test, then unless E2E_KEEP is set. When the test fails, it prints what goes on
// in it.
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
	s := &installation{T: t, whole: t, namespace: name, config: config, client: client, forwards: map[string]string{}, expected: map[string]int{}}
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

// delete removes the namespace if it is there, and waits until it is gone.
func (s *installation) delete(ctx context.Context) {
	s.Helper()
	out, err := s.command(ctx, "kubectl", "delete", "namespace", s.namespace, "--ignore-not-found", "--timeout", waitTimeout.String())
	if err != nil {
		s.Errorf("%v\n%s", err, out)
	}
}

// command runs a program at the root of the repository.
func (s *installation) command(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// run runs a program, which has to succeed, with the namespace as its last
// argument, and returns what it prints.
func (s *installation) run(program string, args ...string) string {
	s.Helper()
	out, err := s.command(s.Context(), program, append(args, "--namespace", s.namespace)...)
	if err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	return out
}

// install installs the suite with settings beside the values for kind, and
// waits until it is ready.
func (s *installation) install(settings ...string) {
	s.Helper()
	if err := dependencies(); err != nil {
		s.Fatal(err)
	}
	s.helm(settings, "install", "daca", "charts/daca", "--values", "charts/daca/values-kind.yaml")
	s.settled()
}

// settled waits until each replica of chat reaches analytics. It is ready before
// that, since it answers without a count too.
func (s *installation) settled() {
	s.Helper()
	for _, pod := range s.pods("chat") {
		url := s.forward("pod/"+pod.Name, 3500) + "/v1.0/invoke/analytics-service/method/analytics/nobody"
		s.eventually(func() error {
			got, err := s.send("GET", url, "")
			if err == nil && got.status != http.StatusNotFound {
				err = fmt.Errorf("analytics is invoked with %d %s", got.status, got.body)
			}
			return err
		})
	}
}

// upgrade upgrades the suite to other settings, and waits until it is ready.
func (s *installation) upgrade(settings ...string) {
	s.Helper()
	s.helm(settings, "upgrade", "daca", "charts/daca", "--reset-then-reuse-values")
	s.rolledOut("statefulset/chat-service", "deployment/analytics-service")
	s.forget()
}

func (s *installation) helm(settings []string, args ...string) {
	s.Helper()
	args = append(args, "--wait", "--timeout", startTimeout.String())
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	s.run("helm", args...)
}

// dependencies copies the charts of the services into the umbrella, once: tests
// install side by side.
var dependencies = sync.OnceValue(func() error {
	cmd := exec.Command("helm", "dependency", "update", "charts/daca")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm dependency update: %w\n%s", err, out)
	}
	return nil
})

// eventually waits until the condition holds; what it returns otherwise is the
// reason when it never does.
func (s *installation) eventually(condition func() error) {
	s.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	deadline := time.After(waitTimeout)
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			s.Fatalf("after %s: %v", waitTimeout, err)
		case <-s.Context().Done():
			s.Fatalf("interrupted: %v", err)
		}
	}
}

// rolledOut waits until all replicas of the resources are those last asked for.
func (s *installation) rolledOut(resources ...string) {
	s.Helper()
	for _, resource := range resources {
		s.run("kubectl", "rollout", "status", resource, "--timeout", startTimeout.String())
	}
}

// pods returns the pods of a part of the suite that are not about to end.
func (s *installation) pods(part string) []corev1.Pod {
	s.Helper()
	list, err := s.client.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=" + part,
	})
	if err != nil {
		s.Fatal(err)
	}
	var pods []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		s.Fatalf("there are no pods of %s", part)
	}
	return pods
}

// step runs a part of a test under its name. The parts of a test follow each
// other, and end with the first that fails: they share an installation.
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
		s.Fatalf("%q failed; the steps after it need it", name)
	}
}

func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
