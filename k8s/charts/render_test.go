package charts

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// The release and the namespace in which the tests render the charts.
const (
	releaseName      = "daca"
	releaseNamespace = "suite"
)

// directory is where the charts of the repository are.
const directory = "../../charts"

// withDapr returns the API versions of a cluster that has Dapr.
func withDapr() common.VersionSet {
	return common.VersionSet{"v1", "apps/v1", "dapr.io/v1alpha1", "dapr.io/v2alpha1"}
}

// release is what Helm would send to the cluster, and print.
type release struct {
	objects []object
	notes   string
}

// object is one rendered manifest.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`

	template string
	text     []byte
}

func (o object) String() string { return o.Kind + " " + o.Metadata.Name }

// decode reads the manifest into a T. A field that T does not have fails the test.
func decode[T any](t *testing.T, o object) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict(o.text, &out); err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	return out
}

// find decodes the manifest of that kind and name. It fails the test if there is
// none.
func find[T any](t *testing.T, r release, kind, name string) T {
	t.Helper()
	i := r.index(kind, name)
	if i < 0 {
		t.Fatalf("no %s %s among %v", kind, name, r.objects)
	}
	return decode[T](t, r.objects[i])
}

func (r release) has(kind, name string) bool { return r.index(kind, name) >= 0 }

func (r release) index(kind, name string) int {
	return slices.IndexFunc(r.objects, func(o object) bool { return o.Kind == kind && o.Metadata.Name == name })
}

// load reads a chart of the repository.
func load(t *testing.T, name string) *chart.Chart {
	t.Helper()
	c, err := Load(directory, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// options are what a rendering depends on beside the values. The zero value is a
// first installation into a cluster that has Dapr.
type options struct {
	apiVersions common.VersionSet
	cluster     engine.ClientProvider // for lookups
}

// tryRender renders a chart of the repository as helm install does. It validates
// the values against the schemas, and returns the error that a user would see.
func tryRender(t *testing.T, name, values string, opts options) (release, error) {
	t.Helper()
	files, err := renderFiles(t, load(t, name), values, opts)
	if err != nil {
		return release{}, err
	}
	var r release
	for _, file := range slices.Sorted(maps.Keys(files)) {
		switch {
		case file == name+"/templates/NOTES.txt":
			r.notes = files[file]
		case strings.HasSuffix(file, ".yaml"):
			r.objects = append(r.objects, split(t, file, files[file])...)
		}
	}
	return r, nil
}

// renderFiles renders any chart, and returns the text of each template by its name.
func renderFiles(t *testing.T, c *chart.Chart, values string, opts options) (map[string]string, error) {
	t.Helper()
	given := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(values), &given); err != nil {
		t.Fatalf("the values of this test: %v", err)
	}
	if err := chartutil.ProcessDependencies(c, given); err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.APIVersions = opts.apiVersions
	if capabilities.APIVersions == nil {
		capabilities.APIVersions = withDapr()
	}
	merged, err := commonutil.ToRenderValues(c, given, common.ReleaseOptions{
		Name: releaseName, Namespace: releaseNamespace, Revision: 1, IsInstall: true,
	}, capabilities)
	if err != nil {
		return nil, err
	}
	if opts.cluster != nil {
		return engine.RenderWithClientProvider(c, merged, opts.cluster)
	}
	return engine.Render(c, merged)
}

// render is tryRender for values that have to be accepted.
func render(t *testing.T, name, values string) release {
	t.Helper()
	r, err := tryRender(t, name, values, options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// split returns the manifests in the text of one template.
func split(t *testing.T, file, text string) []object {
	t.Helper()
	var objects []object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		o := object{template: file, text: document}
		if err := yaml.Unmarshal(document, &o); err != nil {
			t.Fatalf("%s: %v\n%s", file, err, document)
		}
		if o.Kind != "" {
			objects = append(objects, o)
		} else if strings.TrimSpace(string(withoutComments(document))) != "" {
			t.Fatalf("%s renders something that is not a resource:\n%s", file, document)
		}
	}
}

func withoutComments(text []byte) []byte {
	var out [][]byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) && !bytes.HasPrefix(line, []byte("---")) {
			out = append(out, line)
		}
	}
	return bytes.Join(out, nil)
}

// file reads a file of charts/.
func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chatSet returns the StatefulSet of the chat service in the suite.
func chatSet(t *testing.T, r release) appsv1.StatefulSetSpec {
	t.Helper()
	return find[appsv1.StatefulSet](t, r, "StatefulSet", "chat-service").Spec
}

// analyticsPod returns the template of the pods of the analytics service in the
// suite.
func analyticsPod(t *testing.T, r release) corev1.PodTemplateSpec {
	t.Helper()
	return find[appsv1.Deployment](t, r, "Deployment", "analytics-service").Spec.Template
}

// env returns the value of an environment variable, or "" if it is not set.
func env(c corev1.Container, name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}
