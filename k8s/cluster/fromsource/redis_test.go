package fromsource

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLibraries(t *testing.T) {
	t.Parallel()
	const listed = `/usr/bin/redis-server:
	linux-vdso.so.1 (0x00007ffd)
	libssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007f11)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f12)
	/lib64/ld-linux-x86-64.so.2 (0x00007f13)
/usr/bin/redis-cli:
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f14)
`
	want := []string{
		"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libssl.so.3", "/lib64/ld-linux-x86-64.so.2",
	}
	if got := libraries(listed); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestInRoot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"lib": "usr/lib", "usr/lib/c.so": "c.so.1", "usr/lib/abs.so": "/lib/c.so", "usr/lib/loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/lib/c.so": "usr/lib/c.so.1", "/lib/abs.so": "usr/lib/c.so.1",
		"/usr/lib/none": "usr/lib/none", "/lib/../../x": "x",
	} {
		if got, err := inRoot(root, path); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s is %s, %v", path, got, err)
		}
	}
	if _, err := inRoot(root, "/lib/loop"); err == nil {
		t.Error("no error for links in a circle")
	}
}
