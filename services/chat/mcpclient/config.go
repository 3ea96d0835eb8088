// Package mcpclient makes the tools of MCP servers tools of the agent, see
// https://modelcontextprotocol.io. It keeps a connection to each server, and what a
// server does, or fails to do, stops nobody but the one that calls its tools.
package mcpclient

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Limits of a configuration.
const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = 10 * time.Minute
	maxServers     = 32
	maxServerName  = 32
)

// Server says how to reach one MCP server. Either URL or Command is set.
type Server struct {
	Name string

	URL     string            // of its streamable HTTP endpoint
	Headers map[string]string // of each request

	Command string            // a program that speaks MCP on its standard input and output
	Args    []string          //
	Env     map[string]string // beside those of inherited

	Allow   []string      // the names of the tools that are offered; nil offers all
	Timeout time.Duration // for a call, and for each answer while connecting

	base []string // the variables that a command inherits
}

// environment returns the variables of the command.
func (s Server) environment() []string {
	env := slices.Clone(s.base)
	for name, value := range s.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// Load returns the servers of a configuration, sorted by name. value is the JSON itself,
// or the name of a file with it:
//
//	{"mcpServers": {
//	  "search": {"url": "https://search.example.com/mcp", "headers": {"Authorization": "Bearer ${SEARCH_TOKEN}"}},
//	  "files":  {"command": "mcp-files", "args": ["/data"], "allow": ["read_file"], "timeout": "5s"}
//	}}
//
// ${NAME} in a URL, a header or a variable stands for the variable of the environment
// with that name. The error names what is wrong, and quotes no value, which may be a
// secret. Without a value there are no servers.
func Load(value string, environ []string) ([]Server, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil, nil
	}
	text := []byte(value)
	if !strings.HasPrefix(value, "{") {
		var err error
		if text, err = os.ReadFile(value); err != nil {
			return nil, fmt.Errorf("reading the MCP servers: %w", err)
		}
	}
	d, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("the MCP servers: %w", err)
	}
	servers, err := d.servers(environ)
	if err != nil {
		return nil, fmt.Errorf("the MCP servers: %w", err)
	}
	return servers, nil
}

// servers validates everything.
func (d document) servers(environ []string) ([]Server, error) {
	var servers []Server
	var errs []error
	vars := variables(environ)
	for name, e := range d.Servers {
		server, err := e.server(name, vars)
		errs = append(errs, err)
		servers = append(servers, server)
	}
	if len(servers) > maxServers {
		errs = append(errs, fmt.Errorf("there are more than %d", maxServers))
	}
	slices.SortFunc(servers, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	return servers, join(errs)
}

// join returns the errors in an order that does not depend on that of a map.
func join(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// server returns what the entry says.
func (e entry) server(name string, vars variables) (Server, error) {
	at := "mcpServers." + name
	s := Server{Name: name, Command: e.Command, Args: e.Args, Allow: e.Allow, Timeout: defaultTimeout}
	var errs []error
	require := func(ok bool, member, must string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s%s must be %s", at, member, must))
		}
	}
	expand := func(member, text string) string {
		expanded, err := vars.expand(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", at, member, err))
		}
		return expanded
	}
	expandAll := func(member string, texts map[string]string) map[string]string {
		expanded := map[string]string{}
		for key, text := range texts {
			expanded[key] = expand(member+"."+key, text)
		}
		return expanded
	}
	require(isServerName(name), "", "named with 1 to 32 letters, digits, '-' and '_', "+
		"without '__', and without '_' at the end")
	require((e.URL == "") != (e.Command == ""), "", `an object with either "url" or "command"`)
	s.URL = expand("url", e.URL)
	require(e.URL == "" || isHTTP(s.URL), ".url", "a URL such as https://example.com/mcp")
	require(e.Headers == nil || e.URL != "", ".headers", `beside "url"`)
	require(e.Args == nil || e.Command != "", ".args", `beside "command"`)
	require(e.Env == nil || e.Command != "", ".env", `beside "command"`)
	require(e.Type == "" || e.Type == "stdio" && e.URL == "" || isHTTPType(e.Type) && e.URL != "",
		".type", `"http" with a URL or "stdio" with a command; the old transport "sse" is not supported`)
	s.Headers = expandAll("headers", e.Headers)
	for key, text := range s.Headers {
		require(isHeader(key, text), ".headers."+key, "a header on one line")
	}
	s.Env = expandAll("env", e.Env)
	for _, name := range inherited() {
		if value, ok := vars.lookup(name); ok {
			s.base = append(s.base, name+"="+value)
		}
	}
	for key, text := range s.Env {
		require(isVariable(key) && !strings.Contains(text, "\x00"), ".env."+key, "a variable of an environment")
	}
	if e.Timeout != "" {
		d, err := time.ParseDuration(e.Timeout)
		require(err == nil && d > 0 && d <= maxTimeout, ".timeout", "a duration above 0 such as 10s, and at most 10m")
		s.Timeout = d
	}
	return s, errors.Join(errs...)
}

// inherited are the variables that a command gets, which programs need to run at all. No
// secret of this process is among them.
func inherited() []string { return []string{"PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ"} }

// isServerName reports whether names of tools can begin with the name and "__": where
// the name ends is then certain.
func isServerName(name string) bool {
	return name != "" && len(name) <= maxServerName && name == clean(name) &&
		!strings.Contains(name, "__") && !strings.HasSuffix(name, "_")
}

func isHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// isHTTPType knows how others call streamable HTTP in their configurations.
func isHTTPType(t string) bool { return t == "http" || t == "streamable-http" || t == "streamableHttp" }
