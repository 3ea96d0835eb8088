package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"daca/k8s/cluster/report"
)

const (
	releaseTimeout = 5 * time.Minute
	reportTimeout  = 20 * time.Second
	watchInterval  = time.Second
)

// release is a chart and what it is installed with.
type release struct {
	name       string
	namespace  string
	restricted bool // Pod Security enforces its strictest level in the namespace
	chart      *chart.Chart
	values     map[string]any
}

// apply installs the release, or upgrades it, and waits until it is ready. Meanwhile
// progress names the pods that are not ready. The error contains the states, events
// and logs of the namespace.
func (c *Cluster) apply(ctx context.Context, r release, progress func(string)) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := makeNamespace(ctx, client, r.namespace, r.restricted); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { watch(watching, client, r, progress) })
	err = c.helm(ctx, r)
	stop()
	watcher.Wait()
	if err != nil {
		var text strings.Builder
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
		defer cancel()
		report.Write(ctx, &text, client, r.namespace)
		return fmt.Errorf("%w\n%s", err, &text)
	}
	return nil
}

func makeNamespace(ctx context.Context, client kubernetes.Interface, name string, restricted bool) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if restricted {
		namespace.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	}
	_, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", name, err)
	}
	return nil
}

// watch shows by progress which pods are not ready, until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface, r release, progress func(string)) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		waiting, err := report.Waiting(ctx, client, r.namespace)
		if err == nil && len(waiting) > 0 {
			progress("waiting for " + strings.Join(waiting, ", "))
		} else {
			progress("installing " + r.name)
		}
	}
}

// helm installs or upgrades the release. It first cleans up after an installation
// or upgrade that was interrupted.
func (c *Cluster) helm(ctx context.Context, r release) error {
	settings := cli.New()
	settings.KubeConfig = c.Kubeconfig
	settings.KubeContext = ""
	settings.SetNamespace(r.namespace)
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(settings.RESTClientGetter(), r.namespace, "secret"); err != nil {
		return err
	}
	found, err := action.NewGet(config).Run(r.name)
	switch interruption(found) {
	case common.StatusPendingUpgrade, common.StatusPendingRollback:
		rollback := action.NewRollback(config)
		rollback.WaitStrategy = kube.StatusWatcherStrategy
		rollback.Timeout = releaseTimeout
		if err := rollback.Run(r.name); err != nil {
			return fmt.Errorf("rolling back an interrupted upgrade: %w", err)
		}
	case common.StatusPendingInstall:
		uninstall := action.NewUninstall(config)
		uninstall.WaitStrategy = kube.StatusWatcherStrategy
		uninstall.Timeout = releaseTimeout
		if _, err = uninstall.Run(r.name); err != nil {
			return fmt.Errorf("removing what an interrupted installation left: %w", err)
		}
		err = driver.ErrReleaseNotFound
	}
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound):
		install := action.NewInstall(config)
		install.ReleaseName = r.name
		install.Namespace = r.namespace
		install.WaitStrategy = kube.StatusWatcherStrategy
		install.Timeout = releaseTimeout
		_, err = install.RunWithContext(ctx, r.chart, r.values)
	case err == nil:
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace = r.namespace
		upgrade.WaitStrategy = kube.StatusWatcherStrategy
		upgrade.Timeout = releaseTimeout
		_, err = upgrade.RunWithContext(ctx, r.name, r.chart, r.values)
	}
	return err
}

// interruption returns the status of a release that Helm found, or StatusUnknown if
// it found none. Helm refuses to install or upgrade a release whose last operation
// was interrupted.
func interruption(found any) common.Status {
	r, ok := found.(*releasev1.Release)
	if !ok || r == nil || r.Info == nil {
		return common.StatusUnknown
	}
	return r.Info.Status
}

// readValues reads a YAML file of values for a chart.
func readValues(path string) (map[string]any, error) {
	values := map[string]any{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, &values)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the values for a chart: %w", err)
	}
	return values, nil
}
