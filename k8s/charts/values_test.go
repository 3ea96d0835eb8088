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
	"helm.sh/helm/v4/pkg/chart/common"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// What cannot work is refused when it is installed, with a message that says
// what to do.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	const key = "model: {existingSecret: key}\n"
	for name, tc := range map[string]struct{ chart, values, says string }{
		"an unknown key":                        {"analytics", "replicas: 2", "'replicas'"},
		"an unknown key further down":           {"analytics", "image: {name: x}", "'name'"},
		"an unknown key of a part of the suite": {"daca", "chat: {replicas: 2}", "'replicas'"},
		"an unknown key of the suite":           {"daca", "rediss: {}", "'rediss'"},
		"an unknown variable of the service":    {"chat", key + "config: {MAX_TURN: 3}", "'MAX_TURN'"},
		"a number that is a word":               {"analytics", "replicaCount: many", "/replicaCount"},
		"a negative number":                     {"analytics", "replicaCount: -1", "/replicaCount"},
		"a port that is none":                   {"analytics", "service: {port: 70000}", "/service/port"},
		"a privileged port":                     {"analytics", "containerPort: 80", "/containerPort"},
		"an app id that Dapr refuses":           {"analytics", "dapr: {appId: analytics.service}", "/dapr/appId"},
		"a duration without a unit":             {"analytics", "config: {DEDUP_WINDOW: '24'}", "/config/DEDUP_WINDOW"},
		"a log level that is none":              {"analytics", "config: {LOG_LEVEL: loud}", "/config/LOG_LEVEL"},
		"a pull policy that is none":            {"analytics", "image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
		"a memory size that is none":            {"analytics", "resources: {limits: {memory: 1 GB}}", "/resources/limits/memory"},
		"a base URL that is none":               {"chat", "model: {baseURL: ollama}", "/model/baseURL"},
		"a provider that is none":               {"chat", "model: {provider: hal}", "/model/provider"},
		"a spool in the root directory":         {"chat", key + "spool: {path: /chat.db}", "/spool/path"},
		"an annotation that is not text":        {"analytics", "podAnnotations: {a: true}", "/podAnnotations/a"},
		"appendfsync that loses data":           {"daca", "redis: {appendfsync: 'no'}", "/redis/appendfsync"},
		"a Redis host without its port":         {"daca", "redis: {enabled: false, host: redis}", "/redis/host"},
		"no model":                              {"chat", "", "chat needs a model: give model.existingSecret"},
		"two models":                            {"chat", "model: {provider: gemini, apiKey: k, baseURL: 'http://a/v1'}", "exclude each other"},
		"a suite without a model":               {"daca", "offlineModel: {enabled: false}", "the suite needs a model"},
		"a suite without Redis":                 {"daca", "redis: {enabled: false}", "the suite needs a Redis"},
		"two Redis":                             {"daca", "redis: {host: 'redis:6379'}", "set redis.enabled=false"},
		"a password of Redis that is missing":   {"daca", "redis: {enabled: false, host: 'redis:6379'}", "the password of your Redis is missing"},
		"our Redis without a password":          {"daca", "redis: {auth: {enabled: false}}", "are for a Redis of yours"},
		"an access policy that nobody reads":    {"daca", "chat: {dapr: {config: other}}", "dapr.accessControl is part of the Configuration daca"},
		"chat that asks nobody":                 {"daca", "analytics: {dapr: {appId: counts}}", "chat asks the app analytics-service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tryRender(t, tc.chart, tc.values, options{})
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
}

func TestClusterWithoutDaprIsRefused(t *testing.T) {
	t.Parallel()
	without := options{apiVersions: common.VersionSet{"v1", "apps/v1"}}
	t.Run("with what to do about it", func(t *testing.T) {
		t.Parallel()
		_, err := tryRender(t, "daca", "", without)
		if err == nil || !strings.Contains(err.Error(), "this cluster has no Dapr") || !strings.Contains(err.Error(), "helm install dapr") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("unless that is not asked for", func(t *testing.T) {
		t.Parallel()
		if _, err := tryRender(t, "daca", "dapr: {requireCRDs: false}", without); err != nil {
			t.Error(err)
		}
	})
}

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

func TestModelOfTheChatService(t *testing.T) {
	t.Parallel()
	secret := func(name string) string { return "Secret " + name + "/api-key" }
	for name, tc := range map[string]struct {
		values  string
		want    map[string]string
		offline bool
	}{
		"without a key the offline model answers": {"", map[string]string{
			"OPENAI_BASE_URL": "http://daca-model:8002/v1", "OPENAI_MODEL": "offline"}, true},
		"a model may be named": {"chat: {model: {name: 'offline?delay=1s'}}", map[string]string{
			"OPENAI_BASE_URL": "http://daca-model:8002/v1", "OPENAI_MODEL": "offline?delay=1s"}, true},
		"with a Secret it is OpenAI": {"chat: {model: {existingSecret: mine}}", map[string]string{
			"OPENAI_API_KEY": secret("mine")}, false},
		"with a key the chart makes the Secret": {"chat: {model: {apiKey: sk-1}}", map[string]string{
			"OPENAI_API_KEY": secret("chat-service-model")}, false},
		"with Gemini's key it is Gemini": {"chat: {model: {provider: gemini, existingSecret: mine}}", map[string]string{
			"GEMINI_API_KEY": secret("mine")}, false},
		"with a base URL it is that": {"chat: {model: {baseURL: 'http://ollama:11434/v1', name: llama3.2}}", map[string]string{
			"OPENAI_BASE_URL": "http://ollama:11434/v1", "OPENAI_MODEL": "llama3.2"}, false},
		"which may need a key": {"chat: {model: {baseURL: 'https://vllm/v1', existingSecret: mine, name: m}}", map[string]string{
			"OPENAI_BASE_URL": "https://vllm/v1", "OPENAI_MODEL": "m", "OPENAI_API_KEY": secret("mine")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, "daca", tc.values)
			got := map[string]string{}
			for _, env := range chatContainer(t, r).Env {
				if strings.HasPrefix(env.Name, "OPENAI_") || strings.HasPrefix(env.Name, "GEMINI_") {
					got[env.Name] = env.Value
					if env.ValueFrom != nil {
						got[env.Name] = fmt.Sprintf("Secret %s/%s", env.ValueFrom.SecretKeyRef.Name, env.ValueFrom.SecretKeyRef.Key)
					}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if r.has("Deployment", "daca-model") != tc.offline || r.has("Service", "daca-model") != tc.offline {
				t.Errorf("the offline model is there: %v, want %v", r.has("Deployment", "daca-model"), tc.offline)
			}
			if strings.Contains(r.notes, "offline model answers") != tc.offline {
				t.Errorf("the notes say otherwise:\n%s", r.notes)
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

func TestNamesInTheNotes(t *testing.T) {
	t.Parallel()
	notes := render(t, "daca", "chat: {fullnameOverride: '', nameOverride: talk}").notes
	for _, want := range []string{"statefulset/daca-talk", "svc/daca-talk 8000", "app.kubernetes.io/name in (talk, redis)"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
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

func TestTheOfflineModelIsKeptForAnUpgrade(t *testing.T) {
	t.Parallel()
	const own = "chat: {model: {baseURL: 'http://ollama:11434/v1', name: llama3.2}}"
	if render(t, "daca", own).has("Deployment", "daca-model") {
		t.Error("it is there beside a model of one's own")
	}
	r := render(t, "daca", own+"\nofflineModel: {keep: true}")
	if !r.has("Deployment", "daca-model") || env(chatContainer(t, r), "OPENAI_BASE_URL") != "http://ollama:11434/v1" {
		t.Error("it is not kept, or still used")
	}
}

func chatContainer(t *testing.T, r release) corev1.Container {
	t.Helper()
	return find[appsv1.StatefulSet](t, r, "StatefulSet", "chat-service").Spec.Template.Spec.Containers[0]
}

func env(c corev1.Container, name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}
