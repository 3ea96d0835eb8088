package charts

import (
	"encoding/json"
	"fmt"
	"io/fs"
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

// The values below config are the environment variables that the service reads,
// and no others.
func TestConfigIsWhatTheServiceReads(t *testing.T) {
	t.Parallel()
	// The chart sets these from other values, or they have no use in a container.
	own := []string{
		"HOST", "PORT", "SHUTDOWN_DELAY", "SHUTDOWN_GRACE",
		"DAPR_GRPC_ENDPOINT", "DAPR_GRPC_PORT", "DAPR_API_TOKEN", "APP_API_TOKEN", "ADMIN_TOKEN",
		"ANALYTICS_APP_ID", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "GEMINI_API_KEY", "SPOOL_PATH",
		"V1_API_KEY", "MCP_CONFIG", "KUBERNETES_SERVICE_HOST",
	}
	for _, service := range []string{"chat", "analytics"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			want := slices.DeleteFunc(variables(t, service), func(name string) bool { return slices.Contains(own, name) })
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
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schema.Properties.Config.Properties))); diff != "" {
				t.Errorf("services/%s and the schema's config differ (-service +schema):\n%s", service, diff)
			}
		})
	}
}

// variables returns the environment variables that a service reads, sorted: those
// in the tags of its own code, and of the code that all services share.
func variables(t *testing.T, service string) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{service, "internal"} {
		err := filepath.WalkDir(filepath.Join("../../services", dir), func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			for _, match := range regexp.MustCompile("`env:\"([A-Z0-9_]+)").FindAllStringSubmatch(string(text), -1) {
				names = append(names, match[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestValuesOfTheServices(t *testing.T) {
	t.Parallel()
	t.Run("a large number is written without an exponent", func(t *testing.T) {
		t.Parallel()
		r := render(t, "daca", "chat: {config: {MAX_BODY_BYTES: 2097152}}")
		if got := env(chatSet(t, r).Template.Spec.Containers[0], "MAX_BODY_BYTES"); got != "2097152" {
			t.Errorf("MAX_BODY_BYTES is %q", got)
		}
	})
	t.Run("the pod has enough time to stop", func(t *testing.T) {
		t.Parallel()
		for values, grace := range map[string]int64{
			"":                                    120 + 2 + 2*2 + 4,
			"chat: {config: {CHAT_TIMEOUT: 10m}}": 600 + 2 + 2*2 + 4,
			"chat: {config: {CHAT_TIMEOUT: 1m30.5s, ANALYTICS_TIMEOUT: 500ms, PUBLISH_BUDGET: 3s}}": 91 + 1 + 2*3 + 4,
			"chat: {shutdownGraceSeconds: 60, config: {CHAT_TIMEOUT: 10m}}":                         60,
		} {
			pod := chatSet(t, render(t, "daca", values)).Template.Spec
			if got := env(pod.Containers[0], "SHUTDOWN_GRACE"); got != fmt.Sprintf("%ds", grace) {
				t.Errorf("with %q, SHUTDOWN_GRACE is %q; want %ds", values, got, grace)
			}
			if got := *pod.TerminationGracePeriodSeconds; got != 5+2+grace+15 {
				t.Errorf("with %q, terminationGracePeriodSeconds is %d", values, got)
			}
		}
	})
	t.Run("a replica of chat has a volume that outlives it", func(t *testing.T) {
		t.Parallel()
		set := chatSet(t, render(t, "daca", ""))
		policy := set.PersistentVolumeClaimRetentionPolicy.WhenScaled
		if len(set.VolumeClaimTemplates) != 1 || policy != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
			t.Errorf("the volumes are %v; when a replica goes, the policy is %s", set.VolumeClaimTemplates, policy)
		}
		container := set.Template.Spec.Containers[0]
		if spool := env(container, "SPOOL_PATH"); filepath.Dir(spool) != container.VolumeMounts[0].MountPath {
			t.Errorf("the spool is at %s, but the volume is mounted at %s", spool, container.VolumeMounts[0].MountPath)
		}
	})
	t.Run("with autoscaling the chart does not set the replicas", func(t *testing.T) {
		t.Parallel()
		r := render(t, "daca", "chat: {autoscaling: {enabled: true}}")
		if replicas := chatSet(t, r).Replicas; replicas != nil {
			t.Errorf("the chart sets %d replicas", *replicas)
		}
	})
	t.Run("optional resources are off by default", func(t *testing.T) {
		t.Parallel()
		for _, o := range render(t, "daca", "").objects {
			switch o.Kind {
			case "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "Ingress", "HTTPRoute":
				t.Errorf("the suite has %s", o)
			}
		}
	})
	t.Run("images come from the given registry, except for that of Redis", func(t *testing.T) {
		t.Parallel()
		for _, o := range render(t, "daca", "global: {imageRegistry: 'localhost:5001'}").objects {
			want := !strings.Contains(o.template, "/redis")
			for _, match := range regexp.MustCompile(`image: (.*)`).FindAllStringSubmatch(string(o.text), -1) {
				if strings.HasPrefix(match[1], `"localhost:5001/`) != want {
					t.Errorf("%s has the image %s", o, match[1])
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
		pod := analyticsPod(t, render(t, "daca", values))
		if got := pod.Annotations[annotation]; got != want {
			t.Errorf("with the values %q, %s is %q; want %q", values, annotation, got, want)
		}
	}
}

func TestCommonLabels(t *testing.T) {
	t.Parallel()
	const values = "global: {commonLabels: {division: sales}}\nchat: {commonLabels: {team: chat}}"
	for _, o := range render(t, "daca", values).objects {
		if strings.Contains(o.template, "/tests/") {
			continue
		}
		var labels struct {
			Metadata struct{ Labels map[string]string }
		}
		if err := yaml.Unmarshal(o.text, &labels); err != nil {
			t.Fatal(err)
		}
		ofChat := strings.HasPrefix(o.template, "daca/charts/chat/")
		if got := labels.Metadata.Labels; got["division"] != "sales" || ofChat && got["team"] != "chat" {
			t.Errorf("%s has the labels %v", o, got)
		}
	}
	for _, label := range []string{"app.kubernetes.io/part-of", "helm.sh/chart"} {
		for _, values := range []string{"global: {commonLabels: {%s: x}}", "chat: {commonLabels: {%s: x}}"} {
			if _, err := tryRender(t, "daca", fmt.Sprintf(values, label), options{}); err == nil {
				t.Errorf("the values can replace the label %s", label)
			}
		}
	}
}

func TestNamesInTheNotes(t *testing.T) {
	t.Parallel()
	notes := render(t, "daca", "chat: {fullnameOverride: '', nameOverride: talk}").notes
	for _, want := range []string{
		"statefulset/daca-talk", "svc/daca-talk 8000", "app.kubernetes.io/name in (talk, redis)",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not have %q:\n%s", want, notes)
		}
	}
}
