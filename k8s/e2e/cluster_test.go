//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"daca/k8s/cluster/report"
)

const (
	startTimeout = 3 * time.Minute // for an installation, on a busy machine
	waitTimeout  = 2 * time.Minute // for everything else
	pollInterval = 200 * time.Millisecond
)

// command runs a program at the root of the repository, and returns what it
// prints.
func (s *installation) command(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// run runs a program with the namespace as its last argument, and returns what it
// prints. A program that fails ends the test.
func (s *installation) run(program string, args ...string) string {
	s.Helper()
	out, err := s.command(s.Context(), program, append(args, "--namespace", s.namespace)...)
	if err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	return out
}

// eventually calls the condition until it returns nil. If it never does, its last
// error ends the test.
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

// rolledOut waits until all replicas of the resources are up to date and ready.
func (s *installation) rolledOut(resources ...string) {
	s.Helper()
	for _, resource := range resources {
		s.run("kubectl", "rollout", "status", resource, "--timeout", startTimeout.String())
	}
}

// list returns all pods of a part of the suite, such as "chat" or "redis".
func (s *installation) list(part string) ([]corev1.Pod, error) {
	found, err := s.client.CoreV1().Pods(s.namespace).List(s.Context(), metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=" + part,
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", part, err)
	}
	return found.Items, nil
}

// pods returns the pods of a part of the suite that are not being deleted. There
// has to be one.
func (s *installation) pods(part string) []corev1.Pod {
	s.Helper()
	pods, err := s.list(part)
	if err != nil {
		s.Fatal(err)
	}
	pods = slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
	if len(pods) == 0 {
		s.Fatalf("%s has no pods", part)
	}
	return pods
}

// container returns the state of a container of the pod.
func container(pod corev1.Pod, name string) (corev1.ContainerStatus, error) {
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	i := slices.IndexFunc(all, func(c corev1.ContainerStatus) bool { return c.Name == name })
	if i < 0 {
		return corev1.ContainerStatus{}, fmt.Errorf("pod %s has no container %s", pod.Name, name)
	}
	return all[i], nil
}

// kill kills the process of a container from the node, without notice. It waits
// for a container that is just being restarted.
func (s *installation) kill(podName, name string) {
	s.Helper()
	s.eventually(func() error {
		pod, err := s.client.CoreV1().Pods(s.namespace).Get(s.Context(), podName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		status, err := container(*pod, name)
		if err != nil {
			return err
		}
		if status.State.Running == nil {
			return fmt.Errorf("%s of %s is not running", name, podName)
		}
		_, id, _ := strings.Cut(status.ContainerID, "://")
		out, err := s.command(s.Context(), "docker", "exec", pod.Spec.NodeName,
			"ctr", "--namespace", "k8s.io", "task", "kill", "--signal", "SIGKILL", id)
		if err != nil {
			return fmt.Errorf("killing %s of %s: %w: %s", name, podName, err, out)
		}
		return nil
	})
}

// restarted waits until that container of each pod of the part has been restarted,
// and the pods are ready.
func (s *installation) restarted(part, name string) {
	s.Helper()
	s.eventually(func() error {
		for _, pod := range s.pods(part) {
			status, err := container(pod, name)
			if err != nil {
				return err
			}
			if status.RestartCount == 0 || !status.Ready {
				return fmt.Errorf("%s of %s was restarted %d times, and is ready: %t",
					name, pod.Name, status.RestartCount, status.Ready)
			}
			if !report.Ready(pod) {
				return fmt.Errorf("%s is not ready", pod.Name)
			}
		}
		return nil
	})
}
