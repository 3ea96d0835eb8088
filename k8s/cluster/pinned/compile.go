package pinned

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"daca/services/local/gobuild"
)

// Compile compiles programs of a module. They are written to the directory to
// if it ends in a slash; otherwise a single one is written to the file to.
func (p Pins) Compile(
	ctx context.Context, m Module, programs []Program, to string, progress func(string),
) error {
	version := p.Versions[m.Path]
	flags := "-s -w"
	for _, variable := range m.variables(version) {
		flags += " -X " + variable
	}
	args := []string{"build", "-v", "-trimpath", "-tags", m.tags, "-ldflags", flags, "-o", to}
	for _, program := range programs {
		args = append(args, program.pkg)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(p.Root, m.dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return gobuild.Run(cmd, (*exec.Cmd).Run, "building "+m.Path+" "+version, progress)
}
