package kindcluster

import (
	"testing"

	"daca/k8s/cluster/host"
)

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

	t.Run("cgroup v1 concerns only the kubelet", func(t *testing.T) {
		t.Parallel()
		config, err := options.config(host.Facts{CgroupV1: true}, nodeImage{})
		if err != nil {
			t.Fatal(err)
		}
		if len(config.KubeadmConfigPatches) != 1 || len(config.ContainerdConfigPatches) != 0 {
			t.Errorf("got %+v", config)
		}
	})

	t.Run("without the capability nothing lowers OOM scores", func(t *testing.T) {
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
