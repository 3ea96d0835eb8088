package charts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Values that select a model.
const (
	gemini = "chat: {model: {provider: gemini, existingSecret: mine}}"
	ollama = "chat: {model: {baseURL: 'http://ollama:11434/v1', name: llama3.2}}"
	vllm   = "chat: {model: {baseURL: 'https://vllm/v1', existingSecret: mine, name: m}}"
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
		"the offline model can be given another name": {"chat: {model: {name: 'offline?delay=1s'}}", map[string]string{
			"OPENAI_BASE_URL": "http://daca-model:8002/v1", "OPENAI_MODEL": "offline?delay=1s"}, true},
		"with a Secret, OpenAI answers": {"chat: {model: {existingSecret: mine}}", map[string]string{
			"OPENAI_API_KEY": secret("mine")}, false},
		"with a key, the chart creates the Secret": {"chat: {model: {apiKey: sk-1}}", map[string]string{
			"OPENAI_API_KEY": secret("chat-service-model")}, false},
		"with Gemini as the provider, Gemini answers": {gemini, map[string]string{
			"GEMINI_API_KEY": secret("mine")}, false},
		"with a base URL, that server answers": {ollama, map[string]string{
			"OPENAI_BASE_URL": "http://ollama:11434/v1", "OPENAI_MODEL": "llama3.2"}, false},
		"that server may need a key": {vllm, map[string]string{
			"OPENAI_BASE_URL": "https://vllm/v1", "OPENAI_MODEL": "m", "OPENAI_API_KEY": secret("mine")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, "daca", tc.values)
			got := map[string]string{}
			for _, env := range chatSet(t, r).Template.Spec.Containers[0].Env {
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
				t.Errorf("the offline model is installed: %t; want %t", r.has("Deployment", "daca-model"), tc.offline)
			}
			if strings.Contains(r.notes, "offline model answers") != tc.offline {
				t.Errorf("the notes say that the offline model answers: %t; want %t\n%s", !tc.offline, tc.offline, r.notes)
			}
		})
	}
}

func TestTheOfflineModelIsKeptForAnUpgrade(t *testing.T) {
	t.Parallel()
	if render(t, "daca", ollama).has("Deployment", "daca-model") {
		t.Error("it is installed beside another model")
	}
	r := render(t, "daca", ollama+"\nofflineModel: {keep: true}")
	if !r.has("Deployment", "daca-model") {
		t.Error("offlineModel.keep does not keep it")
	}
	if got := env(chatSet(t, r).Template.Spec.Containers[0], "OPENAI_BASE_URL"); got != "http://ollama:11434/v1" {
		t.Errorf("chat asks the model at %s", got)
	}
}
