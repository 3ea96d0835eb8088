package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// requests returns the files among runc's arguments that describe a process: the
// config.json of a new container, or another process in a container.
func requests(args []string) []string {
	var files []string
	value := func(i int, names ...string) string {
		flag, inline, found := strings.Cut(args[i], "=")
		switch {
		case !slices.Contains(names, flag):
			return ""
		case found:
			return inline
		case i+1 < len(args):
			return args[i+1]
		}
		return ""
	}
	for i := range args {
		if bundle := value(i, "--bundle", "-bundle", "-b"); bundle != "" {
			files = append(files, filepath.Join(bundle, "config.json"))
		}
		if process := value(i, "--process", "-process", "-p"); process != "" {
			files = append(files, process)
		}
	}
	return files
}

// withhold removes the capability from every set of capabilities in the file, which
// is a container's config.json or the description of a process.
func withhold(file, capability string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var content map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&content); err != nil {
		return err
	}
	process := content
	if inner, ok := content["process"].(map[string]any); ok {
		process = inner
	}
	sets, ok := process["capabilities"].(map[string]any)
	if !ok {
		return nil
	}
	for name, set := range sets {
		if list, ok := set.([]any); ok {
			sets[name] = slices.DeleteFunc(list, func(c any) bool { return c == any(capability) })
		}
	}
	text, err = json.Marshal(content)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, info.Mode())
}
