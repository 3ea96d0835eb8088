package charts

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
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
