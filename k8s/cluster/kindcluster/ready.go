package kindcluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"daca/k8s/cluster/report"
)

// Client returns a client of the cluster.
func (c *Cluster) Client() (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of cluster %s: %w", c.Name, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to cluster %s: %w", c.Name, err)
	}
	return client, nil
}

// ready waits until the node and the pods that kind starts on it are ready.
func (c *Cluster) ready(ctx context.Context, progress func(string)) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	for {
		waiting, err := unready(ctx, client, "kube-system", "local-path-storage")
		if err == nil && len(waiting) == 0 {
			return nil
		}
		if err == nil {
			progress("waiting for " + strings.Join(waiting, ", "))
			err = fmt.Errorf("not ready: %s", strings.Join(waiting, ", "))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for cluster %s: %w", c.Name, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// unready lists the nodes and pods that are not ready. A namespace without pods
// counts as not ready.
func unready(ctx context.Context, client kubernetes.Interface, namespaces ...string) ([]string, error) {
	var names []string
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, node := range nodes.Items {
		isReady := false
		for _, condition := range node.Status.Conditions {
			isReady = isReady || condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
		}
		if !isReady {
			names = append(names, "node "+node.Name)
		}
	}
	for _, namespace := range namespaces {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		if len(pods.Items) == 0 {
			names = append(names, "pods in "+namespace)
		}
		for _, pod := range pods.Items {
			if !report.Ready(pod) {
				names = append(names, pod.Name)
			}
		}
	}
	return names, nil
}
