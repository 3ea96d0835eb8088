package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	const all, without24 = "CapBnd:\t000001ffffffffff\n", "CapBnd:\t000001fffeffffff\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  Facts
		text  string
	}{
		"an ordinary host": {
			files: map[string]string{"proc/self/status": "Name:\tx\n" + all, "sys/fs/cgroup/cgroup.controllers": "cpu\n"},
		},
		"cgroup v1": {
			files: map[string]string{"proc/self/status": all},
			want:  Facts{CgroupV1: true}, text: "cgroup v1",
		},
		"a missing capability": {
			files: map[string]string{"proc/self/status": without24, "sys/fs/cgroup/cgroup.controllers": "cpu\n"},
			want:  Facts{NoSysResource: true}, text: "no CAP_SYS_RESOURCE",
		},
		"both": {
			files: map[string]string{"proc/self/status": "CapEff:\t0\n" + without24},
			want:  Facts{CgroupV1: true, NoSysResource: true}, text: "cgroup v1, no CAP_SYS_RESOURCE",
		},
		"no Linux": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for path, content := range test.files {
				writeFile(t, filepath.Join(root, path), content)
			}
			facts, err := Detect(root)
			if err != nil || facts != test.want || facts.String() != test.text {
				t.Errorf("got %+v, %q, %v", facts, facts, err)
			}
		})
	}

	t.Run("a status without capabilities is an error", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		writeFile(t, filepath.Join(root, "proc/self/status"), "Name:\tx\n")
		if _, err := Detect(root); err == nil {
			t.Error("no error")
		}
	})
}

func TestDaemonIsKnownByItsCommandLine(t *testing.T) {
	t.Parallel()
	d, proc := Docker{Dir: t.TempDir()}, t.TempDir()
	want := func(pid int) {
		t.Helper()
		if got, err := d.running(proc); got != pid || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, pid)
		}
	}
	want(0)
	writeFile(t, d.pidFile(), "41\n")
	want(0)
	writeFile(t, filepath.Join(proc, "41", "cmdline"), "dockerd\x00--pidfile\x00/run/docker.pid\x00")
	want(0)
	writeFile(t, filepath.Join(proc, "41", "cmdline"), "dockerd\x00--pidfile\x00"+d.pidFile()+"\x00")
	want(41)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
