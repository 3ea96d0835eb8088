package charts

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
)

// The sidecars do not read Dapr's resources again. A change of them replaces the pods
// that they concern, and no others.
func TestChangedDaprResourcesReplaceThePods(t *testing.T) {
	t.Parallel()
	const annotation = "checksum/dapr-resources"
	sums := func(values string) (chat, analytics string) {
		r := render(t, "daca", values)
		return chatSet(t, r).Template.Annotations[annotation], analyticsPod(t, r).Annotations[annotation]
	}
	chat, analytics := sums("")
	if chat == "" || analytics == "" || chat == analytics {
		t.Errorf("the checksums are %q and %q", chat, analytics)
	}
	for values, changes := range map[string]bool{
		"":                                   false,
		"chat: {config: {LOG_LEVEL: debug}}": false,
		"redis: {appendfsync: always}":       false,
		"redis: {database: 3, enabled: false, host: 'r:1', auth: {enabled: false}}": true,
		"redis: {auth: {existingSecret: mine}}":                                     true,
		"dapr: {configuration: {tracing: {samplingRate: '1'}}}":                     true,
		"dapr: {accessControl: {enabled: false}}":                                   true,
	} {
		newChat, newAnalytics := sums(values)
		if got := []bool{newChat != chat, newAnalytics != analytics}; !slices.Equal(got, []bool{changes, changes}) {
			t.Errorf("with %q, the pods of chat and analytics are replaced: %v; want %t", values, got, changes)
		}
	}
	t.Run("a Subscription concerns analytics only", func(t *testing.T) {
		t.Parallel()
		c := load(t, "daca")
		for _, f := range c.Templates {
			if f.Name == "templates/dapr-subscriptions.yaml" {
				f.Data = append(f.Data, "\n# changed\n"...)
			}
		}
		files, err := renderFiles(t, c, "", options{})
		if err != nil {
			t.Fatal(err)
		}
		r := release{objects: split(t, "workloads.yaml", files["daca/templates/workloads.yaml"])}
		if chatSet(t, r).Template.Annotations[annotation] != chat {
			t.Error("the pods of chat are replaced")
		}
		if analyticsPod(t, r).Annotations[annotation] == analytics {
			t.Error("the pods of analytics are not replaced")
		}
	})
}

// The charts of the services can stand alone, and be part of something else.
func TestEachWorkloadIsRenderedOnce(t *testing.T) {
	t.Parallel()
	alone := find[appsv1.Deployment](t, render(t, "analytics", ""), "Deployment", "daca-analytics").Spec
	if len(alone.Template.Spec.InitContainers) != 0 {
		t.Error("analytics on its own waits for a Redis that it does not know")
	}
	// A chart that has the suite as one of its parts.
	parent := load(t, "analytics")
	parent.Metadata.Name = "parent"
	parent.Templates = nil
	parent.Schema = nil
	parent.SetDependencies(load(t, "daca"))
	files, err := renderFiles(t, parent, "", options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, text := range files {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for _, o := range split(t, name, text) {
			if o.String() == "Deployment analytics-service" {
				found++
			}
		}
	}
	if found != 1 {
		t.Errorf("the suite in another chart has %d Deployments of analytics", found)
	}
}

// A sidecar ends when it cannot reach Redis, so the pods wait for it first.
func TestPodsWaitForWhatTheirSidecarsNeed(t *testing.T) {
	t.Parallel()
	for values, want := range map[string][]string{
		"":                        {"check", "tcp://daca-redis:6379"},
		externalRedis:             {"check", "tcp://redis.example.com:6380"},
		"redis: {waitFor: false}": nil,
		file(t, "daca/values-postgres-rabbitmq.yaml"): {"check", "tcp://postgresql:5432", "tcp://rabbitmq:5672"},
		"dapr: {waitFor: ['a:1']}":                    {"check", "tcp://daca-redis:6379", "tcp://a:1"},
		file(t, "../tilt/values.yaml"):                nil,
	} {
		r := render(t, "daca", values)
		for name, pod := range map[string]appsv1.StatefulSetSpec{
			"chat": chatSet(t, r), "analytics": {Template: analyticsPod(t, r)},
		} {
			var args []string
			for _, c := range pod.Template.Spec.InitContainers {
				if c.Image != pod.Template.Spec.Containers[0].Image {
					t.Errorf("%s waits with the image %s", name, c.Image)
				}
				args = c.Args
			}
			if diff := cmp.Diff(want, args); diff != "" {
				t.Errorf("%s: the arguments of who waits (-want +got):\n%s", name, diff)
			}
		}
	}
}

// A service uses more than one core only if it has got them.
func TestGoKnowsTheCores(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]string{
		"500m": "", "1": "", `"1"`: "", "1001m": "2", `"1.5"`: "2", `"2"`: "2", "4": "4", "4000m": "4",
	} {
		r := render(t, "daca", "analytics: {resources: {limits: {cpu: "+limit+"}}}")
		if got := env(analyticsPod(t, r).Spec.Containers[0], "GOMAXPROCS"); got != want {
			t.Errorf("with %s cores, GOMAXPROCS is %q; want %q", limit, got, want)
		}
	}
}

// The Go runtime knows how much memory the pod has.
func TestGoKnowsTheMemoryLimit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]string{
		"256Mi": "235929KiB", "1Gi": "943718KiB", "1.5Gi": "1415577KiB", "512000Ki": "460800KiB", "300M": "263671KiB",
		"268435456": "235929KiB", `"268435456"`: "235929KiB", "1G": "878906KiB", "null": "",
	} {
		r := render(t, "daca", "chat: {resources: {limits: {memory: "+limit+"}}}")
		if got := env(chatSet(t, r).Template.Spec.Containers[0], "GOMEMLIMIT"); got != want {
			t.Errorf("with %s of memory, GOMEMLIMIT is %q; want %q", limit, got, want)
		}
	}
	r := render(t, "daca", "")
	model := find[appsv1.Deployment](t, r, "Deployment", "daca-model").Spec.Template.Spec.Containers[0]
	if got := env(model, "GOMEMLIMIT"); got != "117964KiB" {
		t.Errorf("GOMEMLIMIT of the model is %q", got)
	}
}
