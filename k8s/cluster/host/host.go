// Package host finds out what the machine allows, and brings Docker up where
// nothing else does.
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
	CgroupV1      bool // kubelet refuses it unless told otherwise
	NoSysResource bool // no process can have CAP_SYS_RESOURCE
}

// Detect finds the facts below root, which is "/" but for tests. A host without
// these files, such as a Mac, is an ordinary one: its Docker brings a Linux.
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

// lacks tells whether the bounding set in a /proc/self/status has no such
// capability: then no program gets it, root's neither.
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

// Hint says what may be wrong when Docker starts no privileged container. It is
// empty for an ordinary host.
func (f Facts) Hint() string {
	if !f.NoSysResource {
		return ""
	}
	return "\nThis host seems to lack CAP_SYS_RESOURCE: a Docker that is started the usual way cannot start privileged " +
		"containers on it. Stop it, and one is started that can."
}

// String lists what is unusual.
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
