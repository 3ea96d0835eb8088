package charts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

// pin is the directory of the module that pins the version of Dapr.
const pin = "../../services/internal/stack/daprd"

// dapr is the module of Dapr, at the version with which the suite is built and
// tested.
type dapr struct {
	Dir     string // of its source
	Version string // such as v1.18.2
}

// daprModule downloads the module, once.
var daprModule = sync.OnceValues(func() (module dapr, err error) {
	out, err := exec.Command("go", "-C", pin, "mod", "download", "-json", "github.com/dapr/dapr").Output()
	if err != nil {
		return dapr{}, fmt.Errorf("downloading Dapr: %w\n%s", err, out)
	}
	if err := json.Unmarshal(out, &module); err != nil {
		return dapr{}, fmt.Errorf("reading what go mod download prints: %w", err)
	}
	return module, nil
})

// daprCRDs has the schemas of that version, by apiVersion and kind, such as
// "dapr.io/v1alpha1 Component".
var daprCRDs = sync.OnceValues(func() (map[string]*apiextensions.JSONSchemaProps, error) {
	module, err := daprModule()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, "charts/dapr/crds/*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in the module of Dapr at %s: %w", module.Dir, err)
	}
	schemas := map[string]*apiextensions.JSONSchemaProps{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, v := range crd.Spec.Versions {
			var props apiextensions.JSONSchemaProps
			convert := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps
			if err := convert(v.Schema.OpenAPIV3Schema, &props, nil); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			schemas[crd.Spec.Group+"/"+v.Name+" "+crd.Spec.Names.Kind] = &props
		}
	}
	return schemas, nil
})

// validateDapr validates the manifest as the API server does with Dapr's CRDs. A
// field that the server would drop fails the test too.
func validateDapr(t *testing.T, o object) {
	t.Helper()
	schemas, err := daprCRDs()
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := yaml.UnmarshalStrict(o.text, &content); err != nil {
		t.Errorf("%s: %v", o, err)
		return
	}
	props, ok := schemas[fmt.Sprint(content["apiVersion"], " ", content["kind"])]
	if !ok {
		t.Errorf("%s: this version of Dapr has no %v %v", o, content["apiVersion"], content["kind"])
		return
	}
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range validation.ValidateCustomResource(nil, content, validator) {
		t.Errorf("%s: %v", o, err)
	}
	structural, err := schema.NewStructural(props)
	if err != nil {
		t.Fatal(err)
	}
	track := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	if unknown := pruning.PruneWithOptions(content, structural, true, track); len(unknown) > 0 {
		t.Errorf("%s: the cluster would drop the fields %v", o, unknown)
	}
}

// injectorAnnotations returns the Go source that lists the annotations which the
// sidecar injector reads.
func injectorAnnotations(t *testing.T) string {
	t.Helper()
	module, err := daprModule()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "pkg/injector/annotations/annotations.go"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
