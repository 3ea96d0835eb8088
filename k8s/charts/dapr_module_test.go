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

// daprModule is the directory of the Dapr version that the suite is built and
// tested with (services/internal/stack/daprd).
var daprModule = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "-C", filepath.Join("..", "..", "services", "internal", "stack", "daprd"), "mod", "download", "-json", "github.com/dapr/dapr").Output()
	if err != nil {
		return "", fmt.Errorf("downloading Dapr: %w\n%s", err, out)
	}
	var module struct{ Dir string }
	err = json.Unmarshal(out, &module)
	return module.Dir, err
})

// daprCRDs are the schemas of that version, by apiVersion and kind.
var daprCRDs = sync.OnceValues(func() (map[string]*apiextensions.JSONSchemaProps, error) {
	module, err := daprModule()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(module, "charts", "dapr", "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in the module of Dapr at %s: %w", module, err)
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
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &props, nil); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			schemas[crd.Spec.Group+"/"+v.Name+" "+crd.Spec.Names.Kind] = &props
		}
	}
	return schemas, nil
})

// validateDapr validates the manifest as the API server does with Dapr's CRDs;
// a field that the server would drop is an error too.
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
		t.Errorf("%s: this Dapr has no %v %v", o, content["apiVersion"], content["kind"])
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
	unknown := pruning.PruneWithOptions(content, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		t.Errorf("%s: the cluster would drop %v", o, unknown)
	}
}

// injectorAnnotations is the source file that lists them.
func injectorAnnotations(t *testing.T) string {
	t.Helper()
	module, err := daprModule()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(module, "pkg", "injector", "annotations", "annotations.go"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
