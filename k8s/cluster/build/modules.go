package build

import "strings"

// module is a nested module of the repository that pins the version of some
// programs and builds them.
type module struct {
	dir      string // in the repository
	path     string // the module whose version the programs have
	tags     string
	stamp    func(version string) []string // variables to set, as name=value
	programs []program
}

// variables returns the settings that stamp the programs with the version.
func (m module) variables(version string) []string {
	if m.stamp == nil {
		return nil
	}
	return m.stamp(version)
}

type program struct {
	pkg  string // package to build
	name string
}

const (
	ownModule  = "k8s"
	modulesDir = "k8s/cluster/modules/"
)

// Paths of the modules whose versions are asked for elsewhere.
const (
	Kubernetes = "k8s.io/kubernetes"
	Containerd = "github.com/containerd/containerd/v2"
	Etcd       = "go.etcd.io/etcd/server/v3"
	CoreDNS    = "github.com/coredns/coredns"
	LocalPath  = "github.com/rancher/local-path-provisioner"
	Dapr       = "github.com/dapr/dapr"
)

// modules lists what a cluster is made of, in the order in which it is built.
func modules() []module {
	return []module{
		{
			dir: modulesDir + "containerd", path: Containerd,
			stamp: one("github.com/containerd/containerd/v2/version.Version"),
			programs: append(
				under(Containerd+"/cmd/", "containerd", "ctr", "containerd-shim-runc-v2"),
				under("github.com/containernetworking/plugins/plugins/", CNI()...)...),
		},
		{
			dir: modulesDir + "kubernetes", path: Kubernetes, stamp: stampKubernetes,
			programs: under(Kubernetes+"/cmd/", "kube-apiserver", "kube-controller-manager",
				"kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"),
		},
		{dir: modulesDir + "etcd", path: Etcd, programs: []program{{Etcd, "etcd"}}},
		{dir: modulesDir + "coredns", path: CoreDNS, programs: []program{{CoreDNS, "coredns"}}},
		{
			dir: modulesDir + "localpath", path: LocalPath, stamp: one("main.VERSION"),
			programs: []program{{LocalPath, "local-path-provisioner"}},
		},
		{
			dir: modulesDir + "dapr", path: Dapr, tags: "stablecomponents",
			stamp:    stampDapr,
			programs: under(Dapr+"/cmd/", daprPrograms()...),
		},
		{dir: ownModule, path: Kind, programs: []program{{"daca/k8s/cluster/pause", "pause"}}},
	}
}

// Modules that this module itself requires.
const (
	Kind = "sigs.k8s.io/kind"
	Helm = "helm.sh/helm/v4"
)

// CNI lists the network plugins of a node, by their folders.
func CNI() []string {
	return []string{"ipam/host-local", "main/loopback", "main/ptp", "meta/portmap"}
}

// daprPrograms lists the sidecar and the services of Dapr's control plane.
func daprPrograms() []string {
	return []string{"daprd", "operator", "injector", "sentry", "placement", "scheduler"}
}

func under(prefix string, paths ...string) []program {
	var programs []program
	for _, path := range paths {
		programs = append(programs, program{prefix + path, path[strings.LastIndex(path, "/")+1:]})
	}
	return programs
}

func one(variable string) func(string) []string {
	return func(version string) []string { return []string{variable + "=" + version} }
}

func stampDapr(version string) []string {
	version = strings.TrimPrefix(version, "v")
	return []string{"github.com/dapr/dapr/pkg/buildinfo.version=" + version, "github.com/dapr/kit/logger.DaprVersion=" + version}
}

func stampKubernetes(version string) []string {
	const in = "k8s.io/component-base/version."
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	return []string{
		in + "gitVersion=" + version, in + "gitMajor=" + major,
		in + "gitMinor=" + minor, in + "gitTreeState=clean",
	}
}
