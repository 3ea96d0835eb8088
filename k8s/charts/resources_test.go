package charts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// everything sets the values of a service that are off or empty by default.
const everything = `
replicaCount: 3
config: {LOG_LEVEL: debug, MAX_BODY_BYTES: 2097152}
commonLabels: {team: chat}
imagePullSecrets: [{name: pull}]
extraEnvs: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
extraEnvFrom: [{secretRef: {name: more}}]
extraVolumes: [{name: roots, configMap: {name: roots}}]
extraVolumeMounts: [{name: roots, mountPath: /etc/ssl/certs, readOnly: true}]
podAnnotations: {example.com/a: b}
podLabels: {example.com/c: d}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: spot, operator: Exists}]
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname}}
topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}
priorityClassName: high
autoscaling:
  enabled: true
  targetMemoryUtilizationPercentage: 70
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
podDisruptionBudget: {enabled: true, minAvailable: 50%}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {}}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]
serviceMonitor: {enabled: true, additionalLabels: {release: prometheus}}
ingress:
  enabled: true
  className: nginx
  annotations: {a: b}
  tls: [{secretName: tls, hosts: [chat.example.com]}]
httpRoute: {enabled: true, annotations: {a: b}}
service: {type: NodePort, nodePort: 30080, annotations: {a: b}}
dapr:
  image: registry.example.com/daprd:1
  apiTokenSecret: api-token
  appTokenSecret: app-token
  annotations: {dapr.io/max-body-size: 8Mi}
`

// everythingOfDaca sets them for both services through the umbrella, and the
// umbrella's own values too.
func everythingOfDaca() string {
	indented := "  " + strings.ReplaceAll(strings.TrimSpace(everything), "\n", "\n  ")
	return `
global: {imageRegistry: localhost:5001, imagePullSecrets: [{name: shared}], commonLabels: {division: sales}}
dapr: {configuration: {tracing: {samplingRate: "0.1", otlpEndpoint: "otel:4317"}}}
offlineModel: {behaviour: "delay=1s", nodeSelector: {a: b}, tolerations: [{key: spot, operator: Exists}]}
redis:
  maxmemory: 200mb
  appendfsync: always
  extraArgs: [--io-threads, "2"]
  networkPolicy: {enabled: true}
  persistence: {storageClassName: fast}
  podAnnotations: {a: b}
chat:
` + indented + "\nanalytics:\n" + indented
}

const externalRedis = `
redis:
  enabled: false
  host: redis.example.com:6380
  database: 3
  tls: true
  username: daca
  auth: {existingSecret: mine, existingSecretKey: pw}
`

// Components that need no metadata.
const (
	otherBroker = "dapr: {pubsub: {type: pubsub.in-memory}}"
	otherStore  = "dapr: {statestore: {type: state.in-memory}}"
)

const (
	chatWithoutVolume = "model: {baseURL: 'http://ollama:11434/v1', name: llama3.2}\n" +
		"spool: {persistence: {enabled: false}}"
	chatWithoutDapr    = "model: {apiKey: k}\ndapr: {enabled: false}\nserviceAccount: {create: false}"
	redisWithoutLogin  = "redis: {enabled: false, host: 'redis:6379', auth: {enabled: false}}"
	withoutPersistence = "redis: {persistence: {enabled: false}}\nchat: {spool: {persistence: {enabled: false}}}"
)

func TestEverythingThatIsRenderedIsValid(t *testing.T) {
	t.Parallel()
	const model = "model: {existingSecret: key, name: gpt-5}\nv1: {existingSecret: v1}\n"
	for name, tc := range map[string]struct{ chart, values string }{
		"chat on its own":                           {"chat", "model: {existingSecret: key}"},
		"chat with everything":                      {"chat", model + servers + everything},
		"chat without a volume":                     {"chat", chatWithoutVolume},
		"chat without Dapr":                         {"chat", chatWithoutDapr},
		"analytics on its own":                      {"analytics", ""},
		"analytics with everything":                 {"analytics", everything},
		"the suite":                                 {"daca", ""},
		"the suite with everything":                 {"daca", everythingOfDaca()},
		"the suite on kind":                         {"daca", file(t, "daca/values-kind.yaml")},
		"the suite under Tilt":                      {"daca", file(t, "../tilt/values.yaml")},
		"the suite in production":                   {"daca", file(t, "daca/values-production.yaml")},
		"the suite with another Redis":              {"daca", externalRedis},
		"the suite with a Redis without a password": {"daca", redisWithoutLogin},
		"the suite without Redis":                   {"daca", file(t, "daca/values-postgres-rabbitmq.yaml")},
		"the suite with another broker":             {"daca", otherBroker},
		"the suite with another store":              {"daca", otherStore},
		"the suite without volumes":                 {"daca", withoutPersistence},
		"the suite with an OpenAI key":              {"daca", "chat: {model: {apiKey: sk-1}}"},
		"the suite without access control":          {"daca", "dapr: {accessControl: {enabled: false}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, tc.chart, tc.values)
			if r.notes == "" || strings.Contains(r.notes, "<no value>") {
				t.Errorf("the notes are empty or lack a value: %q", r.notes)
			}
			names := map[string]bool{}
			for _, o := range r.objects {
				if names[o.String()] {
					t.Errorf("%s is rendered twice", o)
				}
				names[o.String()] = true
				checkObject(t, o)
			}
			checkReferences(t, r)
		})
	}
}

// checkObject decodes the manifest strictly, and checks its pods against the
// restricted Pod Security Standard.
func checkObject(t *testing.T, o object) {
	t.Helper()
	if strings.Contains(string(o.text), "apiVersion: dapr.io/") {
		validateDapr(t, o)
		return
	}
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoringv1.AddToScheme, gatewayv1.Install} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
	decoded, _, err := decoder.Decode(o.text, nil, nil)
	if err != nil {
		t.Errorf("%s: %v\n%s", o, err, o.text)
		return
	}
	template := podOf(decoded)
	if template == nil {
		return
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			t.Errorf("%s: Pod Security restricted forbids it: %s, %s", o, result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		security := c.SecurityContext
		if security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem {
			t.Errorf("%s: container %s can write to its root file system", o, c.Name)
		}
		if c.Resources.Requests == nil || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s: container %s has no requests or no memory limit", o, c.Name)
		}
	}
}

// podOf returns the pod of the object, or the template of its pods, or nil if it
// has none.
func podOf(decoded runtime.Object) *corev1.PodTemplateSpec {
	switch o := decoded.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
	}
	return nil
}

// checkReferences checks that each Service and each controller selects the pods
// of exactly one workload, and that each Secret that pods read is rendered or was
// given by the values.
func checkReferences(t *testing.T, r release) {
	t.Helper()
	pods := map[string]*corev1.PodTemplateSpec{}
	selectors := map[string]*metav1.LabelSelector{}
	for _, o := range r.objects {
		switch o.Kind {
		case "Deployment":
			d := decode[appsv1.Deployment](t, o)
			pods[o.String()] = &d.Spec.Template
			selectors[o.String()] = d.Spec.Selector
		case "StatefulSet":
			s := decode[appsv1.StatefulSet](t, o)
			pods[o.String()] = &s.Spec.Template
			selectors[o.String()] = s.Spec.Selector
		case "CronJob":
			j := decode[batchv1.CronJob](t, o)
			pods[o.String()] = podOf(&j)
		case "Pod":
			p := decode[corev1.Pod](t, o)
			pods[o.String()] = podOf(&p)
		}
	}
	matching := func(selector labels.Selector) (found []string) {
		for name, pod := range pods {
			if selector.Matches(labels.Set(pod.Labels)) {
				found = append(found, name)
			}
		}
		return found
	}
	for name, s := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{name}, matching(selector)); diff != "" {
			t.Errorf("%s selects the pods of (-want +got):\n%s", name, diff)
		}
	}
	given := []string{"key", "more", "api-token", "app-token", "mine", "daca-model", "daca-redis", "v1"}
	for _, o := range r.objects {
		if o.Kind == "Service" {
			service := decode[corev1.Service](t, o)
			if found := matching(labels.SelectorFromSet(service.Spec.Selector)); len(found) != 1 {
				t.Errorf("%s selects the pods of %v; want one workload", o, found)
			}
		}
	}
	for name, pod := range pods {
		for _, env := range pod.Spec.Containers[0].Env {
			if env.ValueFrom == nil || env.ValueFrom.SecretKeyRef == nil {
				continue
			}
			secret := env.ValueFrom.SecretKeyRef.Name
			if !r.has("Secret", secret) && !slices.Contains(given, secret) {
				t.Errorf("%s reads %s from the Secret %s, which does not exist", name, env.Name, secret)
			}
		}
	}
}
