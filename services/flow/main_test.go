package flow

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

// programs are what all tests run. They are built once.
var programs struct {
	root, daprd, bin string
	rabbit           sharedRabbit
	kfake            kfakeProgram
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("-short leaves the flows out: they need daprd, and minutes.")
		return
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	ctx := context.Background()
	programs.root, err = repository.Root(".")
	if err != nil {
		return 0, err
	}
	programs.daprd, err = stack.Daprd(ctx, programs.root, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return 0, err
	}
	programs.bin, err = os.MkdirTemp("", "daca-bin")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(programs.bin) }()
	if err := repository.BuildServices(ctx, programs.root, programs.bin, "BUILDFLAGS="+raceFlag); err != nil {
		return 0, err
	}
	defer programs.rabbit.stop()
	return m.Run(), nil
}
