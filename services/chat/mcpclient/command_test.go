package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"daca/services/internal/apitest"
)

// roleVariable makes the test binary an MCP server on standard input and output.
const roleVariable = "MCP_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := beCommand(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beCommand serves until standard input ends, or for ever.
func beCommand(role string) error {
	ctx := context.Background()
	switch role {
	case "fails":
		return errors.New("no such key: " + os.Getenv("KEY"))
	case "silent":
		select {}
	}
	s := newServer()
	addTool(s, "env", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return says(strings.Join(os.Environ(), "\n")), nil
	})
	addTool(s, "pid", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return says(strconv.Itoa(os.Getpid())), nil
	})
	addTool(s, "die", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		os.Exit(3)
		return nil, nil
	})
	addTool(s, "child", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		child := exec.CommandContext(ctx, os.Args[0])
		child.Env = []string{roleVariable + "=silent"}
		child.Stdout, child.Stderr = os.Stdout, os.Stderr // so that it holds the pipes
		if err := child.Start(); err != nil {
			return nil, err
		}
		return says(strconv.Itoa(child.Process.Pid)), nil
	})
	err := s.Run(ctx, &mcp.StdioTransport{})
	if role == "stays" {
		signal.Ignore(syscall.SIGTERM)
		select {}
	}
	return err
}

func testCommand(role string) Server {
	return Server{
		Name: "c", Command: os.Args[0],
		Env: map[string]string{roleVariable: role, "KEY": "sk-0123456789"},
	}
}

// ask calls a tool without arguments until it answers.
func (f *fixture) ask(t *testing.T, name string) (answer string) {
	t.Helper()
	tool := f.tool(t, name)
	apitest.Eventually(t, name+" answers", func() bool {
		var err error
		answer, err = tool.Execute(t.Context(), json.RawMessage("{}"))
		return err == nil
	})
	return answer
}

// pid asks for the id of a process.
func (f *fixture) pid(t *testing.T, tool string) int {
	t.Helper()
	pid, err := strconv.Atoi(f.ask(t, tool))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func runs(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestCommand(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-secret-of-chat")
	f := start(t, testCommand("serves"))
	env := f.ask(t, "c__env")
	if !strings.Contains(env, "KEY=sk-0123456789") || strings.Contains(env, "sk-secret-of-chat") {
		t.Errorf("the command has the variables\n%s\nwant its own, and not those of the service", env)
	}
	pid := f.pid(t, "c__pid")
	child := f.pid(t, "c__child")
	if _, err := f.tool(t, "c__die").Execute(t.Context(), json.RawMessage("{}")); err == nil ||
		!strings.HasPrefix(err.Error(), "the MCP server c is away") {
		t.Errorf("a call that ends the command: %v", err)
	}
	if next := f.pid(t, "c__pid"); next == pid {
		t.Error("the command answers after its end")
	}
	if !strings.Contains(f.log.String(), "the command has ended: exit status 3") {
		t.Errorf("the log does not say how it ended:\n%s", f.log.String())
	}
	apitest.Eventually(t, "its child has ended too", func() bool { return !runs(child) })
}

// TestCommandsEnd holds that a command does not outlive Run, and neither do its children.
func TestCommandsEnd(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"serves", "stays"} {
		var pids []int
		t.Run(role, func(t *testing.T) {
			f := start(t, testCommand(role))
			pids = []int{f.pid(t, "c__pid"), f.pid(t, "c__child")}
		})
		apitest.Eventually(t, "command and child have ended", func() bool { return !runs(pids[0]) && !runs(pids[1]) })
	}
}

func TestCommandThatFails(t *testing.T) {
	t.Parallel()
	nosuch := Server{Name: "nosuch", Command: "/no/such/command"}
	silent := testCommand("silent")
	silent.Name, silent.Timeout = "silent", 100_000_000
	f := start(t, testCommand("fails"), nosuch, silent)
	for _, want := range []string{"no such key: [secret]", "exit status 1", "no such file", "no answer within 200ms"} {
		apitest.Eventually(t, "the log says "+want, func() bool { return strings.Contains(f.log.String(), want) })
	}
	if strings.Contains(f.log.String(), "sk-0123456789") {
		t.Errorf("the log has the secret:\n%s", f.log.String())
	}
}
