package pinned

import (
	"path"
	"strings"
)

// Paths of the modules whose programs, sources or versions are used.
const (
	Kubernetes = "k8s.io/kubernetes"
	Containerd = "github.com/containerd/containerd/v2"
	Etcd       = "go.etcd.io/etcd/server/v3"
	CoreDNS    = "github.com/coredns/coredns"
	LocalPath  = "github.com/rancher/local-path-provisioner"
	Dapr       = "github.com/dapr/dapr"
	Kind       = "sigs.k8s.io/kind"
	Helm       = "helm.sh/helm/v4"
)

// Module is a module at a pinned version, and the programs that are compiled
// at that version.
type Module struct {
	Path     string
	Programs []Program

	dir   string // folder in the repository whose go.mod pins the version
	tags  string // for go build
	stamp func(version string) []string
}

// Name is short for the path of the module.
func (m Module) Name() string { return path.Base(m.dir) }

// Program is a main package.
type Program struct {
	pkg  string // import path
	Name string
}

// Folders whose go.mod files pin modules.
const (
	ownDir     = "k8s" // this module: it requires kind and Helm itself
	modulesDir = "k8s/cluster/pinned/modules/"
)

// pauseDir is where the only program of this module that is part of a node has
// its source.
const pauseDir = "fromsource/pause"

// Modules lists what a cluster is made of, in the order in which it is built.
func Modules() []Module {
	return []Module{
		{
			dir: modulesDir + "containerd", Path: Containerd,
			stamp: one("github.com/containerd/containerd/v2/version.Version"),
			Programs: append(
				under(Containerd+"/cmd/", "containerd", "ctr", "containerd-shim-runc-v2"),
				under("github.com/containernetworking/plugins/plugins/", networkPlugins()...)...),
		},
		{
			dir: modulesDir + "kubernetes", Path: Kubernetes, stamp: stampKubernetes,
			Programs: under(Kubernetes+"/cmd/", "kube-apiserver", "kube-controller-manager",
				"kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"),
		},
		{dir: modulesDir + "etcd", Path: Etcd, Programs: []Program{{Etcd, "etcd"}}},
		{dir: modulesDir + "coredns", Path: CoreDNS, Programs: []Program{{CoreDNS, "coredns"}}},
		{
			dir: modulesDir + "localpath", Path: LocalPath, stamp: one("main.VERSION"),
			Programs: []Program{{LocalPath, "local-path-provisioner"}},
		},
		{
			dir: modulesDir + "dapr", Path: Dapr, tags: "stablecomponents", stamp: stampDapr,
			Programs: under(Dapr+"/cmd/", DaprPrograms()...),
		},
		{dir: ownDir, Path: Kind, Programs: []Program{{"daca/k8s/cluster/" + pauseDir, "pause"}}},
	}
}

// tools lists the modules that people and tests need, with one program each.
func tools() []Module {
	return []Module{
		{
			dir: ownDir, Path: Helm, stamp: one("helm.sh/helm/v4/internal/version.version"),
			Programs: under(Helm+"/cmd/", "helm"),
		},
		{
			dir: modulesDir + "kubernetes", Path: Kubernetes, stamp: stampKubernetes,
			Programs: under(Kubernetes+"/cmd/", "kubectl"),
		},
	}
}

// DaprPrograms lists the sidecar and the services of Dapr's control plane.
func DaprPrograms() []string {
	return []string{"daprd", "operator", "injector", "sentry", "placement", "scheduler"}
}

// NetworkPlugins lists the programs that give a pod its network.
func NetworkPlugins() []string {
	var names []string
	for _, program := range under("", networkPlugins()...) {
		names = append(names, program.Name)
	}
	return names
}

// networkPlugins lists the folders of the network plugins.
func networkPlugins() []string {
	return []string{"ipam/host-local", "main/loopback", "main/ptp", "meta/portmap"}
}

// under returns the programs in these folders below prefix. Each is named like
// its folder.
func under(prefix string, folders ...string) []Program {
	var programs []Program
	for _, folder := range folders {
		programs = append(programs, Program{prefix + folder, path.Base(folder)})
	}
	return programs
}

// variables returns the settings, as name=value, that stamp the programs with
// the version.
func (m Module) variables(version string) []string {
	if m.stamp == nil {
		return nil
	}
	return m.stamp(version)
}

func one(variable string) func(string) []string {
	return func(version string) []string { return []string{variable + "=" + version} }
}

func stampDapr(version string) []string {
	version = strings.TrimPrefix(version, "v")
	return []string{
		"github.com/dapr/dapr/pkg/buildinfo.version=" + version,
		"github.com/dapr/kit/logger.DaprVersion=" + version,
	}
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
