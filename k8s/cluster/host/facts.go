// Package host finds out what is unusual about this machine, and starts Docker
// if nobody else does. On an ordinary machine where Docker runs it does nothing.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const sysResource = 24 // the number of CAP_SYS_RESOURCE

// Facts say what is unusual about a host. The zero value is an ordinary one.
type Facts struct {
	CgroupV1      bool // the kubelet refuses to run on it by default
	NoSysResource bool // no process can have the capability CAP_SYS_RESOURCE
}

// Detect reads the facts from files below root, which is "/" except in tests. A
// host without these files, such as a Mac, is ordinary: Docker runs a Linux there.
func Detect(root string) (Facts, error) {
	var facts Facts
	status, err := os.ReadFile(filepath.Join(root, "proc/self/status"))
	if errors.Is(err, fs.ErrNotExist) {
		return facts, nil
	}
	if err != nil {
		return facts, fmt.Errorf("looking up the capabilities of this host: %w", err)
	}
	facts.NoSysResource, err = lacks(string(status), sysResource)
	if err != nil {
		return facts, err
	}
	_, err = os.Stat(filepath.Join(root, "sys/fs/cgroup/cgroup.controllers"))
	facts.CgroupV1 = errors.Is(err, fs.ErrNotExist)
	return facts, nil
}

// lacks reports whether the bounding set in a /proc/self/status is without the
// capability. No program can get it then, not even as root.
func lacks(status string, capability uint) (bool, error) {
	for line := range strings.Lines(status) {
		hex, found := strings.CutPrefix(line, "CapBnd:")
		if !found {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		if err != nil {
			return false, fmt.Errorf("reading the capabilities of this host: %w", err)
		}
		return set&(1<<capability) == 0, nil
	}
	return false, errors.New("reading the capabilities of this host: no line CapBnd")
}

// Hint says what may be wrong if Docker fails to start a privileged container. It
// is empty for an ordinary host.
func (f Facts) Hint() string {
	if !f.NoSysResource {
		return ""
	}
	return "\nThis host seems to lack CAP_SYS_RESOURCE. A Docker that was started the usual way cannot start " +
		"privileged containers on it. Stop that Docker and try again: this program then starts one that can."
}

// String lists the facts. It is empty for an ordinary host.
func (f Facts) String() string {
	var unusual []string
	if f.CgroupV1 {
		unusual = append(unusual, "cgroup v1")
	}
	if f.NoSysResource {
		unusual = append(unusual, "no CAP_SYS_RESOURCE")
	}
	return strings.Join(unusual, ", ")
}
