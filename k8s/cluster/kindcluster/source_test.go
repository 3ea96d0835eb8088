package kindcluster

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"daca/k8s/cluster/host"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	answering := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	open, private, broken := answering(200), answering(401), answering(503)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	for name, test := range map[string]struct {
		registries []string
		want       Source
	}{
		"registries that answer":        {[]string{open, private}, Published},
		"a registry out of reach":       {[]string{open, gone.URL}, Built},
		"a gateway instead of registry": {[]string{broken, open}, Built},
		"a name that is none":           {[]string{"://"}, Built},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, why := detect(t.Context(), http.DefaultClient, test.registries...); got != test.want || why == "" {
				t.Errorf("got %s because %q, want %s", got, why, test.want)
			}
		})
	}
}

func TestSourceThatIsNone(t *testing.T) {
	t.Parallel()
	options, err := Options{Root: "../../..", Cache: t.TempDir(), Images: "some"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := options.source(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	options := Options{Cache: t.TempDir()}

	t.Run("an ordinary host needs nothing unusual", func(t *testing.T) {
		t.Parallel()
		config, err := options.config(host.Facts{}, nodeImage{})
		if err != nil {
			t.Fatal(err)
		}
		if len(config.KubeadmConfigPatches)+len(config.ContainerdConfigPatches)+len(config.Nodes[0].ExtraMounts) != 0 ||
			config.Networking.DisableDefaultCNI {
			t.Errorf("got %+v", config)
		}
	})

	t.Run("cgroup v1 concerns the kubelet alone", func(t *testing.T) {
		t.Parallel()
		config, err := options.config(host.Facts{CgroupV1: true}, nodeImage{})
		if err != nil {
			t.Fatal(err)
		}
		if len(config.KubeadmConfigPatches) != 1 || len(config.ContainerdConfigPatches) != 0 {
			t.Errorf("got %+v", config)
		}
	})

	t.Run("a missing capability keeps all from lowering scores", func(t *testing.T) {
		t.Parallel()
		config, err := options.config(host.Facts{NoSysResource: true}, nodeImage{fixedNetwork: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(config.KubeadmConfigPatches) != 1 || len(config.ContainerdConfigPatches) != 1 ||
			len(config.Nodes[0].ExtraMounts) != 1 || !config.Networking.DisableDefaultCNI {
			t.Errorf("got %+v", config)
		}
	})
}

func TestRedisIsThatOfTheCharts(t *testing.T) {
	t.Parallel()
	var values, kind struct {
		Redis struct {
			Image struct{ Repository, Tag string }
		}
	}
	for name, into := range map[string]any{"values.yaml": &values, "values-kind.yaml": &kind} {
		text, err := os.ReadFile("../../../charts/daca/" + name)
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if i := values.Redis.Image; redisPublished != "docker.io/library/"+i.Repository+":"+i.Tag {
		t.Errorf("the charts have %+v", i)
	}
	if i := kind.Redis.Image; redisInNode != "docker.io/"+i.Repository+":"+i.Tag {
		t.Errorf("the values for kind have %+v", i)
	}
}
