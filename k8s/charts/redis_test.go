package charts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// cluster answers lookups from the Secrets that it has, and has the namespace.
type cluster struct{ dynamic.Interface }

func newCluster(secrets ...corev1.Secret) cluster {
	var objects []runtime.Object
	for _, s := range secrets {
		s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
		s.Namespace = releaseNamespace
		objects = append(objects, &s)
	}
	objects = append(objects, &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: releaseNamespace},
	})
	return cluster{fake.NewSimpleDynamicClient(scheme.Scheme, objects...)}
}

func (c cluster) GetClientFor(_, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	resource := schema.GroupVersionResource{Version: "v1", Resource: strings.ToLower(kind) + "s"}
	return c.Resource(resource), kind != "Namespace", nil
}

func TestPasswordOfRedis(t *testing.T) {
	t.Parallel()
	install := func(t *testing.T, c cluster, values string) corev1.Secret {
		t.Helper()
		r, err := tryRender(t, "daca", values, options{cluster: c})
		if err != nil {
			t.Fatal(err)
		}
		return find[corev1.Secret](t, r, "Secret", "daca-redis")
	}
	t.Run("is made at the first installation", func(t *testing.T) {
		t.Parallel()
		first := install(t, newCluster(), "").Data["redis-password"]
		other := install(t, newCluster(), "").Data["redis-password"]
		if len(first) != 32 || string(first) == string(other) {
			t.Errorf("passwords %q and %q", first, other)
		}
	})
	t.Run("stays at an upgrade", func(t *testing.T) {
		t.Parallel()
		first := install(t, newCluster(), "")
		again := install(t, newCluster(first), "")
		if string(first.Data["redis-password"]) != string(again.Data["redis-password"]) {
			t.Errorf("it was %q and is %q", first.Data["redis-password"], again.Data["redis-password"])
		}
	})
	t.Run("is the one that is given", func(t *testing.T) {
		t.Parallel()
		const given = "redis: {auth: {password: s3cret}}"
		first := install(t, newCluster(), given)
		if got := install(t, newCluster(first), given).Data["redis-password"]; string(got) != "s3cret" {
			t.Errorf("it is %q", got)
		}
	})
	t.Run("does not change under a Redis that runs", func(t *testing.T) {
		t.Parallel()
		first := install(t, newCluster(), "")
		_, err := tryRender(t, "daca", "redis: {auth: {password: s3cret}}", options{cluster: newCluster(first)})
		if err == nil || !strings.Contains(err.Error(), "delete the Secret daca-redis") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("is not made where there is one", func(t *testing.T) {
		t.Parallel()
		r := render(t, "daca", "redis: {auth: {existingSecret: mine}}")
		if r.has("Secret", "daca-redis") {
			t.Error("there is a Secret daca-redis")
		}
		redis := find[appsv1.StatefulSet](t, r, "StatefulSet", "daca-redis").Spec.Template.Spec.Containers[0]
		if from := redis.Env[0].ValueFrom.SecretKeyRef; from.Name != "mine" || from.Key != "redis-password" {
			t.Errorf("Redis reads it from %v", from)
		}
	})
}

func TestRedisKeepsWhatItAcknowledges(t *testing.T) {
	t.Parallel()
	redis := find[appsv1.StatefulSet](t, render(t, "daca", "redis: {maxmemory: 100mb}"), "StatefulSet", "daca-redis").Spec
	args := redis.Template.Spec.Containers[0].Args
	for flag, value := range map[string]string{
		"--appendonly": "yes", "--appendfsync": "everysec", "--maxmemory-policy": "noeviction", "--maxmemory": "100mb",
		"--dir": "/data", "--save": "", "--requirepass": "$(REDISCLI_AUTH)",
	} {
		if i := slices.Index(args, flag); i < 0 || args[i+1] != value {
			t.Errorf("no %s %s in %q", flag, value, args)
		}
	}
	if len(redis.VolumeClaimTemplates) != 1 || redis.Template.Spec.Containers[0].VolumeMounts[0].MountPath != "/data" {
		t.Errorf("volumes %v", redis.VolumeClaimTemplates)
	}
}

func TestComponentsReachRedis(t *testing.T) {
	t.Parallel()
	type item struct {
		Name         string `json:"name"`
		Value        string `json:"value,omitempty"`
		SecretKeyRef struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		} `json:"secretKeyRef,omitzero"`
	}
	type component struct {
		Spec struct {
			Metadata []item `json:"metadata"`
		} `json:"spec"`
	}
	secret := func(name, key string) item {
		i := item{Name: "redisPassword"}
		i.SecretKeyRef.Name, i.SecretKeyRef.Key = name, key
		return i
	}
	for name, tc := range map[string]struct {
		values string
		want   []item
	}{
		"the one of the chart": {"", []item{
			{Name: "redisHost", Value: "daca-redis:6379"}, secret("daca-redis", "redis-password")}},
		"the one of the chart with a password of ours": {"redis: {auth: {existingSecret: mine, existingSecretKey: pw}}", []item{
			{Name: "redisHost", Value: "daca-redis:6379"}, secret("mine", "pw")}},
		"another with TLS and a user": {externalRedis, []item{
			{Name: "redisHost", Value: "redis.example.com:6380"}, secret("mine", "pw"),
			{Name: "redisUsername", Value: "daca"}, {Name: "redisDB", Value: "3"}, {Name: "enableTLS", Value: "true"}}},
		"another with a password in the values": {"redis: {enabled: false, host: 'redis:6379', auth: {password: s3cret}}", []item{
			{Name: "redisHost", Value: "redis:6379"}, secret("daca-redis", "redis-password")}},
		"another without a password": {"redis: {enabled: false, host: 'redis:6379', auth: {enabled: false}}", []item{
			{Name: "redisHost", Value: "redis:6379"}, {Name: "redisPassword"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, "daca", tc.values)
			for _, name := range []string{"statestore", "pubsub"} {
				var c component
				for _, o := range r.objects {
					if o.Kind == "Component" && o.Metadata.Name == name {
						if err := yaml.Unmarshal(o.text, &c); err != nil {
							t.Fatal(err)
						}
					}
				}
				if diff := cmp.Diff(tc.want, c.Spec.Metadata[:min(len(tc.want), len(c.Spec.Metadata))]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestNotesNameSecretsThatAreMissing(t *testing.T) {
	t.Parallel()
	const values = "chat: {model: {existingSecret: daca-model}}\nredis: {auth: {existingSecret: daca-redis}}"
	model := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "daca-model"}, Data: map[string][]byte{"api-key": []byte("k")}}
	otherKey := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "daca-redis"}, Data: map[string][]byte{"password": []byte("p")}}
	r, err := tryRender(t, "daca", values, options{cluster: newCluster(model, otherKey)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.notes, "WARNING: there is no Secret daca-redis with the key redis-password") {
		t.Errorf("the missing key is not named:\n%s", r.notes)
	}
	if strings.Contains(r.notes, "no Secret daca-model") {
		t.Errorf("a Secret that is there is called missing:\n%s", r.notes)
	}
}
