package charts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

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
