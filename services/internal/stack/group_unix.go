//go:build unix && !linux

package stack

import "syscall"

// ownGroup makes a process lead its own group.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
