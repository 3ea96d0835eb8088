// Package report describes the state of a namespace of a cluster: which pods are
// not ready and why, what happened last, and what the containers have logged.
package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	mostEvents = 40
	mostLines  = 60 // of a container's log
)

// Waiting lists the pods of the namespace that are not ready, each with the reason
// why its first container that is not ready is not.
func Waiting(ctx context.Context, client kubernetes.Interface, namespace string) ([]string, error) {
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", namespace, err)
	}
	var waiting []string
	for _, pod := range pods.Items {
		if !Ready(pod) {
			waiting = append(waiting, strings.TrimSpace(pod.Name+" "+reason(pod)))
		}
	}
	return waiting, nil
}

// Ready reports whether a pod is ready, or has completed successfully.
func Ready(pod corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded {
		return true
	}
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// containers returns the states of the pod's containers, those of its init
// containers first.
func containers(pod corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func reason(pod corev1.Pod) string {
	for _, c := range containers(pod) {
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			return c.Name + " " + c.State.Waiting.Reason
		case c.State.Running != nil && !c.Ready:
			return c.Name + " is not ready"
		case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
			return fmt.Sprintf("%s ended with %d", c.Name, c.State.Terminated.ExitCode)
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Status == corev1.ConditionFalse && condition.Message != "" {
			return condition.Message
		}
	}
	return ""
}

// Write writes the states of the namespace's pods, its latest events, and the end
// of the log of each container. For a container that was restarted, it also writes
// the end of the log before the restart. If something cannot be read, the error is
// written in its place.
func Write(ctx context.Context, w io.Writer, client kubernetes.Interface, namespace string) {
	var text bytes.Buffer // for a single write, as tests that run in parallel write too
	defer func() { _, _ = w.Write(text.Bytes()) }()
	_, _ = fmt.Fprintf(&text, "== namespace %s\n", namespace)
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		_, _ = fmt.Fprintf(&text, "listing its pods: %v\n", err)
		return
	}
	for _, pod := range pods.Items {
		_, _ = fmt.Fprintf(&text, "pod %s: %s\n", pod.Name, pod.Status.Phase)
		for _, c := range containers(pod) {
			_, _ = fmt.Fprintf(&text, "  %-14s ready %-5t restarts %d  %s\n",
				c.Name, c.Ready, c.RestartCount, state(c.State))
		}
	}
	writeEvents(ctx, &text, client, namespace)
	for _, pod := range pods.Items {
		for _, c := range containers(pod) {
			if c.RestartCount > 0 {
				writeLog(ctx, &text, client, pod, c.Name, true)
			}
			writeLog(ctx, &text, client, pod, c.Name, false)
		}
	}
}

func state(s corev1.ContainerState) string {
	switch {
	case s.Running != nil:
		return "running since " + s.Running.StartedAt.UTC().Format("15:04:05")
	case s.Waiting != nil:
		return strings.TrimSpace("waiting: " + s.Waiting.Reason + " " + s.Waiting.Message)
	case s.Terminated != nil:
		return fmt.Sprintf("ended with %d: %s %s", s.Terminated.ExitCode, s.Terminated.Reason, s.Terminated.Message)
	}
	return ""
}

func writeEvents(ctx context.Context, w io.Writer, client kubernetes.Interface, namespace string) {
	events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		_, _ = fmt.Fprintf(w, "listing its events: %v\n", err)
		return
	}
	all := events.Items
	slices.SortStableFunc(all, func(a, b corev1.Event) int { return a.LastTimestamp.Compare(b.LastTimestamp.Time) })
	for _, e := range all[max(0, len(all)-mostEvents):] {
		_, _ = fmt.Fprintf(w, "event %s %s %s/%s: %s\n", e.LastTimestamp.UTC().Format("15:04:05"), e.Reason,
			e.InvolvedObject.Kind, e.InvolvedObject.Name, strings.TrimSpace(e.Message))
	}
}

func writeLog(
	ctx context.Context, w io.Writer, client kubernetes.Interface, pod corev1.Pod, container string, previous bool,
) {
	lines := int64(mostLines)
	options := &corev1.PodLogOptions{Container: container, TailLines: &lines, Previous: previous}
	title := "log of " + pod.Name + "/" + container
	if previous {
		title += ", before its restart"
	}
	text, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
	if err != nil {
		text = []byte(err.Error())
	}
	_, _ = fmt.Fprintf(w, "-- %s\n%s\n", title, bytes.TrimSpace(text))
}
