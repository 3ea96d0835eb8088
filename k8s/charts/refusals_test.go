package charts

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
)

// Values that cannot work are refused at the installation, with a message that
// says what to do.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	const key = "model: {existingSecret: key}\n"
	const geminiWithURL = "model: {provider: gemini, apiKey: k, baseURL: 'http://a/v1'}"
	const settings = "metadata: [{name: a, value: b}]"
	const twoSources = "type: state.x, metadata: [{name: a, value: b, secretKeyRef: {name: s, key: k}}]"
	const otherRedis = "redis: {enabled: false, host: 'redis:6379'}"
	for name, tc := range map[string]struct{ chart, values, says string }{
		"an unknown key":                   {"analytics", "replicas: 2", "'replicas'"},
		"an unknown key further down":      {"analytics", "image: {name: x}", "'name'"},
		"an unknown key below chat":        {"daca", "chat: {replicas: 2}", "'replicas'"},
		"an unknown key of the umbrella":   {"daca", "rediss: {}", "'rediss'"},
		"an unknown environment variable":  {"chat", key + "config: {MAX_TURN: 3}", "'MAX_TURN'"},
		"a word for a number":              {"analytics", "replicaCount: many", "/replicaCount"},
		"a negative number":                {"analytics", "replicaCount: -1", "/replicaCount"},
		"a port that is too high":          {"analytics", "service: {port: 70000}", "/service/port"},
		"a privileged port":                {"analytics", "containerPort: 80", "/containerPort"},
		"an app id that Dapr refuses":      {"analytics", "dapr: {appId: analytics.service}", "/dapr/appId"},
		"a duration without a unit":        {"analytics", "config: {DEDUP_WINDOW: '24'}", "/config/DEDUP_WINDOW"},
		"an unknown log level":             {"analytics", "config: {LOG_LEVEL: loud}", "/config/LOG_LEVEL"},
		"an unknown pull policy":           {"analytics", "image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
		"a memory size with a blank":       {"analytics", "resources: {limits: {memory: 1 GB}}", "/resources/limits/memory"},
		"a base URL without a scheme":      {"chat", "model: {baseURL: ollama}", "/model/baseURL"},
		"an unknown provider":              {"chat", "model: {provider: hal}", "/model/provider"},
		"a spool in the root directory":    {"chat", key + "spool: {path: /chat.db}", "/spool/path"},
		"an annotation that is not text":   {"analytics", "podAnnotations: {a: true}", "/podAnnotations/a"},
		"appendfsync that loses data":      {"daca", "redis: {appendfsync: 'no'}", "/redis/appendfsync"},
		"a Redis host without its port":    {"daca", "redis: {enabled: false, host: redis}", "/redis/host"},
		"an unknown member of a server":    {"chat", key + "mcp: {servers: {a: {uri: 'http://a'}}}", "'uri'"},
		"no model":                         {"chat", "", "chat needs a model: give model.existingSecret"},
		"two models":                       {"chat", geminiWithURL, "exclude each other"},
		"the suite without a model":        {"daca", "offlineModel: {enabled: false}", "the suite needs a model"},
		"the suite without a Redis":        {"daca", "redis: {enabled: false}", "the suite needs a Redis"},
		"two Redis servers":                {"daca", "redis: {host: 'redis:6379'}", "set redis.enabled=false"},
		"a Redis without its password":     {"daca", otherRedis, "the password of your Redis is missing"},
		"a Redis without any password":     {"daca", "redis: {auth: {enabled: false}}", "are for a Redis of yours"},
		"settings of an unnamed store":     {"daca", "dapr: {statestore: {" + settings + "}}", "give their type too"},
		"settings of an unnamed broker":    {"daca", "dapr: {pubsub: {" + settings + "}}", "give their type too"},
		"Redis with parts by topic":        {"daca", "dapr: {pubsub: {perTopic: {enabled: true}}}", "give their type too"},
		"a store for a broker":             {"daca", "dapr: {pubsub: {type: state.redis}}", "/dapr/pubsub/type"},
		"a setting with two values":        {"daca", "dapr: {statestore: {" + twoSources + "}}", "/metadata/0"},
		"a port to wait for alone":         {"daca", "dapr: {waitFor: ['5432']}", "/dapr/waitFor/0"},
		"an access policy without effect":  {"daca", "chat: {dapr: {config: other}}", "is part of the Configuration daca"},
		"an app id that chat does not ask": {"daca", "analytics: {dapr: {appId: counts}}", "chat asks the app analytics-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tryRender(t, tc.chart, tc.values, options{})
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v; want one with %q", err, tc.says)
			}
		})
	}
}

func TestClusterWithoutDaprIsRefused(t *testing.T) {
	t.Parallel()
	without := options{apiVersions: common.VersionSet{"v1", "apps/v1"}}
	t.Run("with a command that installs it", func(t *testing.T) {
		t.Parallel()
		_, err := tryRender(t, "daca", "", without)
		for _, want := range []string{"this cluster has no Dapr", "helm install dapr"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v; want one with %q", err, want)
			}
		}
	})
	t.Run("unless dapr.requireCRDs is false", func(t *testing.T) {
		t.Parallel()
		if _, err := tryRender(t, "daca", "dapr: {requireCRDs: false}", without); err != nil {
			t.Error(err)
		}
	})
}
