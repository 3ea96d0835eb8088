package charts

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// The chart's config takes the variables that the service reads, and no others.
func TestConfigIsWhatTheServiceReads(t *testing.T) {
	t.Parallel()
	// Set by the chart from other values, or left to what the container is.
	own := []string{"HOST", "PORT", "SHUTDOWN_DELAY", "SHUTDOWN_GRACE", "DAPR_GRPC_ENDPOINT", "DAPR_GRPC_PORT", "DAPR_API_TOKEN", "APP_API_TOKEN",
		"ANALYTICS_APP_ID", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "GEMINI_API_KEY", "SPOOL_PATH"}
	for _, service := range []string{"chat", "analytics"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(filepath.Join("..", "..", "services", service, "config.go"))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, match := range regexp.MustCompile(`env:"([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
				if !slices.Contains(own, match[1]) {
					want = append(want, match[1])
				}
			}
			var schema struct {
				Properties struct {
					Config struct {
						Properties map[string]any `json:"properties"`
					} `json:"config"`
				} `json:"properties"`
			}
			if err := json.Unmarshal([]byte(file(t, service+"/values.schema.json")), &schema); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(schema.Properties.Config.Properties))); diff != "" {
				t.Errorf("services/%s/config.go and the schema's config differ (-service +schema):\n%s", service, diff)
			}
		})
	}
}

func TestValuesOfTheServices(t *testing.T) {
	t.Parallel()
	t.Run("large numbers are written out", func(t *testing.T) {
		t.Parallel()
		r := render(t, "daca", "chat: {config: {MAX_BODY_BYTES: 2097152}}")
		if got := env(chatContainer(t, r), "MAX_BODY_BYTES"); got != "2097152" {
			t.Errorf("MAX_BODY_BYTES is %q", got)
		}
	})
	t.Run("the stop fits into its time", func(t *testing.T) {
		t.Parallel()
		pod := find[appsv1.StatefulSet](t, render(t, "daca", "chat: {shutdownGraceSeconds: 60}"), "StatefulSet", "chat-service").Spec.Template.Spec
		if got := env(pod.Containers[0], "SHUTDOWN_GRACE"); got != "60s" {
			t.Errorf("SHUTDOWN_GRACE is %q", got)
		}
		if got := *pod.TerminationGracePeriodSeconds; got != 5+2+60+15 {
			t.Errorf("terminationGracePeriodSeconds is %d", got)
		}
	})
	t.Run("a replica of chat has a volume that stays", func(t *testing.T) {
		t.Parallel()
		set := find[appsv1.StatefulSet](t, render(t, "daca", ""), "StatefulSet", "chat-service").Spec
		if len(set.VolumeClaimTemplates) != 1 || set.PersistentVolumeClaimRetentionPolicy.WhenScaled != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
			t.Errorf("volumes %v, %v", set.VolumeClaimTemplates, set.PersistentVolumeClaimRetentionPolicy)
		}
		container := set.Template.Spec.Containers[0]
		if spool := env(container, "SPOOL_PATH"); filepath.Dir(spool) != container.VolumeMounts[0].MountPath {
			t.Errorf("the spool is %s, the volume is mounted at %s", spool, container.VolumeMounts[0].MountPath)
		}
	})
	t.Run("with autoscaling nobody else sets the replicas", func(t *testing.T) {
		t.Parallel()
		r := render(t, "daca", "chat: {autoscaling: {enabled: true}}")
		if replicas := find[appsv1.StatefulSet](t, r, "StatefulSet", "chat-service").Spec.Replicas; replicas != nil {
			t.Errorf("replicas: %d", *replicas)
		}
	})
	t.Run("what is off until asked for is not there", func(t *testing.T) {
		t.Parallel()
		for _, o := range render(t, "daca", "").objects {
			switch o.Kind {
			case "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "Ingress", "HTTPRoute":
				t.Errorf("there is %s", o)
			}
		}
	})
	t.Run("images come from the registry that is given", func(t *testing.T) {
		t.Parallel()
		for _, o := range render(t, "daca", "global: {imageRegistry: 'localhost:5001'}").objects {
			for _, match := range regexp.MustCompile(`image: (.*)`).FindAllStringSubmatch(string(o.text), -1) {
				if want := o.Kind != "StatefulSet" || o.Metadata.Name != "daca-redis"; strings.HasPrefix(match[1], `"localhost:5001/`) != want {
					t.Errorf("%s: %s", o, match[1])
				}
			}
		}
	})
}

func TestTheSidecarOutlivesTheService(t *testing.T) {
	t.Parallel()
	const annotation = "dapr.io/block-shutdown-duration"
	for values, want := range map[string]string{
		"": "17s",
		"analytics: {preStopSeconds: 20, shutdownGraceSeconds: 30}": "52s",
		"analytics: {dapr: {blockShutdownDuration: 1m}}":            "1m",
		"analytics: {dapr: {nativeSidecar: true}}":                  "",
	} {
		pod := find[appsv1.Deployment](t, render(t, "daca", values), "Deployment", "analytics-service").Spec.Template
		if got := pod.Annotations[annotation]; got != want {
			t.Errorf("%s is %q with %q, want %q", annotation, got, values, want)
		}
	}
}

func TestCommonLabels(t *testing.T) {
	t.Parallel()
	for _, o := range render(t, "daca", "global: {commonLabels: {division: sales}}\nchat: {commonLabels: {team: chat}}").objects {
		var labels struct {
			Metadata struct{ Labels map[string]string }
		}
		if err := yaml.Unmarshal(o.text, &labels); err != nil {
			t.Fatal(err)
		}
		ofChat := strings.HasPrefix(o.template, "daca/charts/chat/") && !strings.Contains(o.template, "/tests/")
		if got := labels.Metadata.Labels; !strings.Contains(o.template, "/tests/") && got["division"] != "sales" || ofChat && got["team"] != "chat" {
			t.Errorf("%s has the labels %v", o, got)
		}
	}
	for _, label := range []string{"app.kubernetes.io/part-of", "helm.sh/chart"} {
		for _, values := range []string{"global: {commonLabels: {%s: x}}", "chat: {commonLabels: {%s: x}}"} {
			if _, err := tryRender(t, "daca", fmt.Sprintf(values, label), options{}); err == nil {
				t.Errorf("%s can be replaced by "+values, label, label)
			}
		}
	}
}

func TestNamesInTheNotes(t *testing.T) {
	t.Parallel()
	notes := render(t, "daca", "chat: {fullnameOverride: '', nameOverride: talk}").notes
	for _, want := range []string{"statefulset/daca-talk", "svc/daca-talk 8000", "app.kubernetes.io/name in (talk, redis)"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
}
