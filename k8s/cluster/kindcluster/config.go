package kindcluster

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"daca/k8s/cluster/host"
)

// Settings of a node on a host with cgroup v1, or on which no process can have
// CAP_SYS_RESOURCE. Without that capability nobody can lower an OOM score.
const (
	kubeletCgroupV1 = "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nfailCgroupV1: false\n"
	kubeletScores   = "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n" +
		"featureGates:\n  KubeletInUserNamespace: true\n"
	containerdScores = "[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n"
	containerdUnit   = "[Service]\nOOMScoreAdjust=\n"
)

// config describes a cluster of one node. It has unusual settings only for the
// unusual facts of this host.
func (o Options) config(facts host.Facts, image nodeImage) (*v1alpha4.Cluster, error) {
	node := v1alpha4.Node{Role: v1alpha4.ControlPlaneRole}
	config := &v1alpha4.Cluster{
		TypeMeta: v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
	}
	config.Networking.DisableDefaultCNI = image.fixedNetwork
	if facts.CgroupV1 {
		config.KubeadmConfigPatches = append(config.KubeadmConfigPatches, kubeletCgroupV1)
	}
	if facts.NoSysResource {
		config.KubeadmConfigPatches = append(config.KubeadmConfigPatches, kubeletScores)
		config.ContainerdConfigPatches = append(config.ContainerdConfigPatches, containerdScores)
		unit := filepath.Join(o.Cache, "containerd-oom-score.conf")
		if err := os.WriteFile(unit, []byte(containerdUnit), 0o644); err != nil {
			return nil, fmt.Errorf("writing the node's settings: %w", err)
		}
		node.ExtraMounts = append(node.ExtraMounts, v1alpha4.Mount{
			HostPath:      unit,
			ContainerPath: "/etc/systemd/system/containerd.service.d/oom-score.conf",
			Readonly:      true,
		})
	}
	config.Nodes = []v1alpha4.Node{node}
	return config, nil
}
