package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// A laptop and a cluster have the same Dapr resources. They may differ in the
// addresses and passwords of store and broker, and in who may invoke whom.
func TestChartHasTheResourcesOfComponents(t *testing.T) {
	t.Parallel()
	for folder, values := range map[string]string{
		"components": "",
		"components/alternatives/rabbitmq-postgresql": file(t, "daca/values-postgres-rabbitmq.yaml"),
	} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			compareResources(t, folder, values)
		})
	}
}

func compareResources(t *testing.T, folder, values string) {
	t.Helper()
	files, err := filepath.Glob("../../" + folder + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	local := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range split(t, file, string(text)) {
			validateDapr(t, o)
			local[o.String()] = withoutDifferences(t, o)
		}
	}
	cluster := map[string]any{}
	for _, o := range render(t, "daca", values).objects {
		if strings.Contains(o.template, "/dapr-") {
			cluster[o.String()] = withoutDifferences(t, o)
		}
	}
	if len(local) < 7 {
		t.Errorf("%s has only %d resources", folder, len(local))
	}
	if diff := cmp.Diff(local, cluster); diff != "" {
		t.Errorf("%s and charts/daca differ (-components +charts):\n%s", folder, diff)
	}
}

// withoutDifferences returns the resource without what may differ.
func withoutDifferences(t *testing.T, o object) map[string]any {
	t.Helper()
	content := decode[map[string]any](t, o)
	delete(content["metadata"].(map[string]any), "labels")
	spec := content["spec"].(map[string]any)
	delete(spec, "accessControl")
	if o.Kind != "Component" {
		return content
	}
	entries := map[string]any{} // their order does not matter
	for _, item := range spec["metadata"].([]any) {
		entry := item.(map[string]any)
		name := fmt.Sprint(entry["name"])
		entries[name] = entry["value"]
		if slices.Contains([]string{"redisHost", "redisPassword", "connectionString"}, name) {
			entries[name] = "differs"
		}
	}
	spec["metadata"] = entries
	return content
}

// The sidecars find each other and their Configuration by these annotations, and
// deliver events as they say.
func TestSidecarAnnotations(t *testing.T) {
	t.Parallel()
	r := render(t, "daca", "")
	chat := chatSet(t, r).Template
	analytics := analyticsPod(t, r)
	for name, tc := range map[string]struct {
		pod  corev1.PodTemplateSpec
		want map[string]string
	}{
		"chat": {chat, map[string]string{
			"dapr.io/enabled":                 "true",
			"dapr.io/app-id":                  "chat-service",
			"dapr.io/app-port":                "8000",
			"dapr.io/config":                  "daca",
			"dapr.io/enable-native-sidecar":   "true",
			"dapr.io/enable-app-health-check": "",
			"dapr.io/block-shutdown-duration": "",
			"dapr.io/app-max-concurrency":     "",
			"dapr.io/app-token-secret":        "",
			"dapr.io/disable-init-endpoints":  "",
		}},
		"analytics": {analytics, map[string]string{
			"dapr.io/enabled":                      "true",
			"dapr.io/app-id":                       "analytics-service",
			"dapr.io/app-port":                     "8001",
			"dapr.io/config":                       "daca",
			"dapr.io/enable-app-health-check":      "",
			"dapr.io/block-shutdown-duration":      "17s",
			"dapr.io/app-max-concurrency":          "",
			"dapr.io/app-token-secret":             "analytics-service-app-token",
			"dapr.io/disable-init-endpoints":       "subscribe",
			"dapr.io/sidecar-seccomp-profile-type": "RuntimeDefault",
			"dapr.io/sidecar-memory-limit":         "512Mi",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for key := range tc.want {
				got[key] = tc.pod.Annotations[key]
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the injector knows every annotation", func(t *testing.T) {
		t.Parallel()
		known := injectorAnnotations(t)
		configured := chatSet(t, render(t, "daca", everythingOfDaca())).Template
		for _, pod := range []corev1.PodTemplateSpec{chat, analytics, configured} {
			for key := range pod.Annotations {
				if strings.HasPrefix(key, "dapr.io/") && !strings.Contains(known, fmt.Sprintf("%q", key)) {
					t.Errorf("this version of Dapr does not know %s", key)
				}
			}
		}
	})
	t.Run("there is none without Dapr", func(t *testing.T) {
		t.Parallel()
		r := render(t, "analytics", "dapr: {enabled: false}")
		pod := find[appsv1.Deployment](t, r, "Deployment", "daca-analytics").Spec.Template
		for key := range pod.Annotations {
			if strings.HasPrefix(key, "dapr.io/") {
				t.Errorf("there is %s", key)
			}
		}
	})
}

// With charts/dapr-values.yaml, no pod starts while the webhook of the injector
// does not answer. It must leave out the pods that have to start before it, or
// Dapr could be neither installed nor restarted.
func TestPodsOfDaprStartWithoutTheInjector(t *testing.T) {
	t.Parallel()
	module, err := daprModule()
	if err != nil {
		t.Fatal(err)
	}
	c, err := loader.LoadDir(filepath.Join(module.Dir, "charts/dapr"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := renderFiles(t, c, file(t, "dapr-values.yaml"), options{})
	if err != nil {
		t.Fatal(err)
	}
	var found admissionregistrationv1.MutatingWebhookConfiguration
	const injector = "dapr/charts/dapr_sidecar_injector/templates/"
	text := files[injector+"dapr_sidecar_injector_webhook_config.yaml"]
	if err := yaml.Unmarshal([]byte(text), &found); err != nil || len(found.Webhooks) != 1 {
		t.Fatalf("%d webhooks of the injector, %v", len(found.Webhooks), err)
	}
	webhook := found.Webhooks[0]
	if *webhook.FailurePolicy != admissionregistrationv1.Fail {
		t.Errorf("the failure policy is %s; want Fail", *webhook.FailurePolicy)
	}
	selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"dapr-system": false, "kube-system": false, "default": true, releaseNamespace: true,
	} {
		if got := selector.Matches(labels.Set{"kubernetes.io/metadata.name": name}); got != want {
			t.Errorf("the webhook is asked about pods in %s: %t; want %t", name, got, want)
		}
	}
}

func TestReadmeInstallsTheDaprThatIsTested(t *testing.T) {
	t.Parallel()
	module, err := daprModule()
	if err != nil {
		t.Fatal(err)
	}
	want := "helm install dapr dapr --repo https://dapr.github.io/helm-charts/" +
		" --version " + strings.TrimPrefix(module.Version, "v") + " "
	if !strings.Contains(file(t, "README.md"), want) {
		t.Errorf("charts/README.md does not have %q", want)
	}
}
