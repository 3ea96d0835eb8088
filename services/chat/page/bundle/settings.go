package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// settings are npm's, as far as they concern where packages come from. Later files do not
// replace what earlier ones have set.
type settings map[string]string

// readSettings reads the settings as npm does: from the variables NPM_CONFIG_…, and from
// the .npmrc of the page, of the user, and of the machine. A file that is not there sets
// nothing.
func readSettings(page string, environ []string) settings {
	variables := map[string]string{}
	s := settings{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
		if key, ok := strings.CutPrefix(strings.ToLower(name), "npm_config_"); ok && value != "" {
			s[key] = value
		}
	}
	home, _ := os.UserHomeDir() // without a home there is no file of the user
	for _, path := range []string{
		filepath.Join(page, ".npmrc"),
		cmp.Or(s["userconfig"], filepath.Join(home, ".npmrc")),
		cmp.Or(s["globalconfig"], "/etc/npmrc"),
	} {
		if text, err := os.ReadFile(path); err == nil {
			s.add(string(text), variables)
		}
	}
	return s
}

// add adds the lines of a .npmrc, in which ${NAME} stands for a variable.
func (s settings) add(text string, variables map[string]string) {
	reference := regexp.MustCompile(`\$\{\w+\}`)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		value = reference.ReplaceAllStringFunc(value, func(name string) string {
			return variables[strings.Trim(name, "${}")]
		})
		if key = strings.TrimSpace(key); s[key] == "" {
			s[key] = value
		}
	}
}

// errNoRegistry tells that nobody says where packages come from.
var errNoRegistry = errors.New("no registry of npm packages is known: install npm, or set NPM_CONFIG_REGISTRY")

// completed returns the settings with a registry: npm's own default, if nobody has set one
// and npm is installed.
func (s settings) completed(ctx context.Context) (settings, error) {
	if s["registry"] != "" {
		return s, nil
	}
	said, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output()
	registry := strings.TrimSpace(string(said))
	if err != nil || !strings.HasPrefix(registry, "http") {
		return nil, errNoRegistry
	}
	all := maps.Clone(s)
	all["registry"] = registry
	return all, nil
}

// registry returns the registry for a package, which ends in a slash. A scope may have one
// of its own.
func (s settings) registry(name string) string {
	registry := s["registry"]
	if scope, _, scoped := strings.Cut(name, "/"); scoped {
		registry = cmp.Or(s[scope+":registry"], registry)
	}
	return strings.TrimSuffix(registry, "/") + "/"
}

// token returns the token for a registry, or nothing.
func (s settings) token(registry string) string {
	u, err := url.Parse(registry)
	if err != nil {
		return ""
	}
	return s["//"+u.Host+u.Path+":_authToken"]
}
