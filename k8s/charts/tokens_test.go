package charts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// Only the sidecar delivers events to analytics, and only operators administer it:
// with the tokens of the chart, unless others are given or none are wanted.
func TestTokensOfAnalytics(t *testing.T) {
	t.Parallel()
	const given = "analytics: {tokens: {adminSecret: mine}, dapr: {appTokenSecret: app}}"
	const noneButGiven = "analytics: {tokens: {enabled: false, adminSecret: mine}, dapr: {appTokenSecret: app}}"
	for name, tc := range map[string]struct {
		values     string
		app, admin string // Secrets that are read
		made       []string
	}{
		"by default": {
			"", "analytics-service-app-token", "analytics-service-admin-token",
			[]string{"analytics-service-admin-token", "analytics-service-app-token"},
		},
		"from given Secrets":              {given, "app", "mine", nil},
		"from given Secrets, and no more": {noneButGiven, "app", "mine", nil},
		"the given one of the operators": {
			"analytics: {tokens: {adminSecret: mine}}", "analytics-service-app-token", "mine",
			[]string{"analytics-service-app-token"},
		},
		"none":         {"analytics: {tokens: {enabled: false}}", "", "", nil},
		"none on kind": {file(t, "daca/values-kind.yaml"), "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, "daca", tc.values)
			pod := analyticsPod(t, r)
			for variable, want := range map[string]string{"APP_API_TOKEN": tc.app, "ADMIN_TOKEN": tc.admin} {
				if got := secretOf(pod.Spec.Containers[0], variable); got != want {
					t.Errorf("%s is from the Secret %q; want %q", variable, got, want)
				}
			}
			if got := pod.Annotations["dapr.io/app-token-secret"]; got != tc.app {
				t.Errorf("the sidecar has the token of the Secret %q; want %q", got, tc.app)
			}
			var made []string
			for _, o := range r.objects {
				if o.Kind == "Secret" && strings.HasSuffix(o.Metadata.Name, "-token") {
					made = append(made, o.Metadata.Name)
				}
			}
			if diff := cmp.Diff(tc.made, made); diff != "" {
				t.Errorf("Secrets that the chart makes (-want +got):\n%s", diff)
			}
			read := fmt.Sprintf("get secret %s -o jsonpath='{.data.token}' | base64 -d", tc.admin)
			if got := strings.Contains(r.notes, read); got != (tc.admin != "") {
				t.Errorf("the notes say how to read the token of the operators: %t:\n%s", got, r.notes)
			}
			if token := secretOf(chatSet(t, r).Template.Spec.Containers[0], "ADMIN_TOKEN"); token != "" {
				t.Error("chat has the token of the operators")
			}
		})
	}
}

func TestTokensAreKeptByAnUpgrade(t *testing.T) {
	t.Parallel()
	install := func(c cluster) (app, admin corev1.Secret) {
		r, err := tryRender(t, "daca", "", options{cluster: c})
		if err != nil {
			t.Fatal(err)
		}
		return find[corev1.Secret](t, r, "Secret", "analytics-service-app-token"),
			find[corev1.Secret](t, r, "Secret", "analytics-service-admin-token")
	}
	app, admin := install(newCluster())
	if len(app.Data["token"]) != 32 || len(admin.Data["token"]) != 32 || cmp.Equal(app.Data, admin.Data) {
		t.Errorf("the tokens are %q and %q; want two of 32 characters", app.Data["token"], admin.Data["token"])
	}
	if other, _ := install(newCluster()); cmp.Equal(other.Data, app.Data) {
		t.Error("two installations have the same token")
	}
	upgradedApp, upgradedAdmin := install(newCluster(app, admin))
	if !cmp.Equal(upgradedApp.Data, app.Data) || !cmp.Equal(upgradedAdmin.Data, admin.Data) {
		t.Error("an upgrade changes the tokens")
	}
}

func TestNotesWarnOfOpenAdministration(t *testing.T) {
	t.Parallel()
	const warning = "can set counts"
	const ofChat = "sees the events of all users"
	for values, want := range map[string]bool{
		"analytics: {tokens: {enabled: false}}":                                       false,
		"{analytics: {tokens: {enabled: false}}, chat: {ingress: {enabled: true}}}":   true,
		"{analytics: {tokens: {enabled: false}}, chat: {httpRoute: {enabled: true}}}": true,
		"chat: {ingress: {enabled: true}}":                                            false,
	} {
		if got := strings.Contains(render(t, "daca", values).notes, ofChat); got != want {
			t.Errorf("with %s, the notes warn of chat: %t; want %t", values, got, want)
		}
	}
	for values, want := range map[string]bool{
		"analytics: {tokens: {enabled: false}}":                             false,
		"analytics: {tokens: {enabled: false}, ingress: {enabled: true}}":   true,
		"analytics: {tokens: {enabled: false}, httpRoute: {enabled: true}}": true,
		"analytics: {ingress: {enabled: true}, httpRoute: {enabled: true}}": false,
	} {
		if got := strings.Contains(render(t, "daca", values).notes, warning); got != want {
			t.Errorf("with %s, the notes warn: %t; want %t", values, got, want)
		}
	}
}

// TestKeyOfTheFront holds that clients of /v1 need the key of the Secret, if there is one.
func TestKeyOfTheFront(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{"": "", "chat: {v1: {existingSecret: mine}}": "mine"} {
		chat := chatSet(t, render(t, "daca", values)).Template.Spec.Containers[0]
		if got := secretOf(chat, "V1_API_KEY"); got != want {
			t.Errorf("with %q, V1_API_KEY is from the Secret %q; want %q", values, got, want)
		}
	}
}

// secretOf returns the Secret from which an environment variable comes, or "".
func secretOf(c corev1.Container, variable string) string {
	for _, e := range c.Env {
		if e.Name == variable && e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			return e.ValueFrom.SecretKeyRef.Name
		}
	}
	return ""
}
