package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// namesDir has the database in which the sidecars of a stack say where they are, and the
// configuration by which they find it.
const namesDir = "names"

// namesConfiguration is a Dapr Configuration. In its default, daprd finds others by
// multicast DNS: those of another stack on the machine or on the network are found as well,
// and none is where a VPN or a firewall stops multicast, or where there is no network at all.
// A sidecar that was killed is found for updateInterval at most.
//
// The database is in the working directory of the sidecars. Without a cleanupInterval of
// zero, the component of Dapr 1.18 removes the entries of sidecars that run once an hour,
// instead of the old ones, and they end with "Host registration lost".
const namesConfiguration = `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: names
spec:
  nameResolution:
    component: sqlite
    version: v1
    configuration:
      connectionString: ` + namesDir + `/names.db
      updateInterval: 5s
      timeout: 2s
      busyTimeout: 2s
      cleanupInterval: "0"
`

func (s *Stack) names() string { return filepath.Join(s.opts.Dir, namesDir, ConfigurationFile) }

// writeNames writes the configuration. What an earlier stack in the directory has left is
// removed.
func (s *Stack) writeNames() error {
	dir := filepath.Dir(s.names())
	err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
	if err == nil {
		err = os.WriteFile(s.names(), []byte(namesConfiguration), 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing how the sidecars find each other: %w", err)
	}
	return nil
}
