// Command daprd is Dapr's sidecar with its stable components, and with one that is not
// among them: sidecars on one machine find each other in a file, instead of by multicast,
// which finds those of other people on the same network as well, and none behind many VPNs.
// The sidecars that Dapr publishes have it too.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
)

func main() {
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	app.Run()
}
