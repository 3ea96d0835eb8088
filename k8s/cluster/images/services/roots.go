package services

import (
	"encoding/pem"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"daca/k8s/cluster/images"
)

// rootsPath is where Go looks for the roots of TLS first, see crypto/x509/root_linux.go.
const rootsPath = "/etc/ssl/certs/ca-certificates.crt"

// roots is the file of the certificates that Mozilla trusts for TLS. It lacks those that
// Mozilla trusts only in part, which a file cannot express.
func roots() images.File {
	var text strings.Builder
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
	}
	return images.File{Path: rootsPath, Content: text.String()}
}
