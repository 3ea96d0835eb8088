package fromsource

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Images of the storage provisioner, without their tags. No registry has them.
const (
	provisionerImage = "daca.local/local-path-provisioner"
	helperImage      = "daca.local/local-path-helper"
)

// storageManifest returns the manifest in the provisioner's source with three
// changes: it uses the images that are built here, its class is the cluster's
// default, and its directory is on a disk that the node has.
func storageManifest(source, version string) (string, error) {
	path := filepath.Join(source, "deploy", "local-path-storage.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the manifest of the storage provisioner: %w", err)
	}
	manifest := string(text)
	for _, edit := range [][2]string{
		{"image: rancher/local-path-provisioner:" + version, "image: " + provisionerImage + ":" + version},
		{"image: busybox\n", "image: " + helperImage + ":" + version + "\n"},
		{"/opt/local-path-provisioner", "/var/local-path-provisioner"},
		{"metadata:\n  name: local-path\n", "metadata:\n  name: standard\n  annotations:\n" +
			"    storageclass.kubernetes.io/is-default-class: \"true\"\n"},
	} {
		if strings.Count(manifest, edit[0]) != 1 {
			return "", fmt.Errorf("%s does not have %q once", path, edit[0])
		}
		manifest = strings.Replace(manifest, edit[0], edit[1], 1)
	}
	return manifest, nil
}
