package charts

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// What clients outside the cluster reach by default: documented routes, for reading
// the counts only, and never deliveries, dead letters, metrics or probes.
func TestPublishedRoutes(t *testing.T) {
	t.Parallel()
	r := render(t, "daca", `
chat: {ingress: {enabled: true}, httpRoute: {enabled: true}}
analytics: {ingress: {enabled: true}, httpRoute: {enabled: true}}
`)
	for _, tc := range []struct {
		request        string
		ingress, route bool // whether it is published
	}{
		{"chat-service GET /", true, true},
		{"chat-service POST /chat/", true, true},
		{"chat-service POST /chat", true, true},
		{"chat-service POST /chat/stream", true, true},
		{"chat-service GET /runs/5f0c/events", true, true},
		{"chat-service DELETE /runs/5f0c", true, true},
		{"chat-service POST /v1/chat/completions", true, true},
		{"chat-service GET /users/alice", true, true},
		{"chat-service GET /users/alice/sessions", true, true},
		{"chat-service POST /users/alice/register", true, true},
		{"chat-service GET /docs", true, true},
		{"chat-service GET /docs/swagger-ui.css", true, true},
		{"chat-service GET /openapi.json", true, true},
		{"chat-service GET /page/config", true, true},
		{"chat-service GET /activity", true, true},
		{"chat-service POST /deadletters/1/replay", true, true},
		{"chat-service DELETE /deadletters/1", true, true},
		{"chat-service GET /readyz", true, true},
		{"chat-service GET /metrics", false, false},
		{"chat-service GET /healthz", false, false},
		{"chat-service GET /version", false, false},
		{"analytics-service GET /", true, true},
		{"analytics-service GET /analytics/alice", true, true},
		{"analytics-service GET /docs", true, true},
		{"analytics-service GET /openapi.json", true, true},
		// An Ingress has no methods. These need a token.
		{"analytics-service POST /analytics/alice/initialize", true, false},
		{"analytics-service POST /analytics/alice/increment", true, false},
		{"analytics-service POST /messages", false, false},
		{"analytics-service POST /users", false, false},
		{"analytics-service GET /deadletters", false, false},
		{"analytics-service POST /deadletters", false, false},
		{"analytics-service POST /deadletters/1/replay", false, false},
		{"analytics-service GET /metrics", false, false},
		{"analytics-service GET /readyz", false, false},
	} {
		words := strings.Fields(tc.request)
		service, method, path := words[0], words[1], words[2]
		ingress := find[networkingv1.Ingress](t, r, "Ingress", service)
		route := find[gatewayv1.HTTPRoute](t, r, "HTTPRoute", service)
		want := []bool{tc.ingress, tc.route}
		got := []bool{byIngress(ingress, path), byRoute(route, method, path)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: published by the Ingress and by the HTTPRoute (-want +got):\n%s", tc.request, diff)
		}
	}
}

func byIngress(ingress networkingv1.Ingress, path string) bool {
	for _, rule := range ingress.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			if fits(string(*p.PathType), p.Path, path) {
				return true
			}
		}
	}
	return false
}

func byRoute(route gatewayv1.HTTPRoute, method, path string) bool {
	for _, rule := range route.Spec.Rules {
		for _, m := range rule.Matches {
			if (m.Method == nil || string(*m.Method) == method) && fits(string(*m.Path.Type), *m.Path.Value, path) {
				return true
			}
		}
	}
	return false
}

// fits reports whether a path matches a rule. Prefixes are of whole elements.
func fits(kind, rule, path string) bool {
	if kind == "Exact" {
		return path == rule
	}
	return regexp.MustCompile("^" + regexp.QuoteMeta(strings.TrimSuffix(rule, "/")) + "(/|$)").MatchString(path)
}

// The metrics of the sidecars are for those who are named, and for nobody else.
func TestNetworkPolicyOfMetrics(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]int{
		"chat: {networkPolicy: {enabled: true}}":                                                 0,
		"chat: {networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {}}]}}":         1,
		"chat: {networkPolicy: {enabled: true, from: [{podSelector: {matchLabels: {app: x}}}]}}": 0,
	} {
		policy := find[networkingv1.NetworkPolicy](t, render(t, "daca", values), "NetworkPolicy", "chat-service")
		allowed := 0
		for _, rule := range policy.Spec.Ingress {
			if rule.Ports[0].Port.IntValue() == 9090 {
				allowed += len(rule.From)
			}
		}
		if allowed != want {
			t.Errorf("with %s, %d may read the metrics of the sidecar; want %d", values, allowed, want)
		}
	}
}

// A gateway has a timeout of its own, which would cut off an answer that takes longer.
func TestRoutesLetAnswersTakeTheirTime(t *testing.T) {
	t.Parallel()
	r := render(t, "daca", "chat: {httpRoute: {enabled: true}}")
	route := find[gatewayv1.HTTPRoute](t, r, "HTTPRoute", "chat-service")
	for _, path := range []string{"/chat/stream", "/chat/", "/runs/5f0c/events", "/v1/chat/completions", "/activity"} {
		for _, rule := range route.Spec.Rules {
			one := route
			one.Spec.Rules = []gatewayv1.HTTPRouteRule{rule}
			if !byRoute(one, "POST", path) && !byRoute(one, "GET", path) {
				continue
			}
			if rule.Timeouts == nil || *rule.Timeouts.Request != "0s" || *rule.Timeouts.BackendRequest != "0s" {
				t.Errorf("the timeouts of %s are %v; want none", path, rule.Timeouts)
			}
		}
	}
}
