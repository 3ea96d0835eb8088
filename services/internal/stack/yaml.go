package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The resources are changed as text, which keeps their comments and takes no library.

const documentEnd = "\n---\n"

// readResources returns the text of each resource in the directory, by its path.
func readResources(dir string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the Dapr resources in %s: %w", dir, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no Dapr resources (*.yaml) in %s", dir)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a Dapr resource: %w", err)
		}
		texts[path] = string(text)
	}
	return texts, nil
}

// UsesRedis reports whether a component in the directory has a redisHost, as all
// components on Redis have.
func UsesRedis(dir string) (bool, error) {
	texts, err := readResources(dir)
	if err != nil {
		return false, err
	}
	for _, text := range texts {
		if hasRedisHost(text) {
			return true, nil
		}
	}
	return false, nil
}

// deliversSingly reports whether a Subscription in the directory has no bulkSubscribe that
// is enabled, so that its events are delivered one in each request.
func deliversSingly(dir string) (bool, error) {
	texts, err := readResources(dir)
	if err != nil {
		return false, err
	}
	for _, text := range texts {
		for document := range strings.SplitSeq(text, documentEnd) {
			if isSubscription(document) && !isBulk(document) {
				return true, nil
			}
		}
	}
	return false, nil
}

func isSubscription(document string) bool {
	return regexp.MustCompile(`(?m)^kind:\s*["']?Subscription["']?[ \t]*(?:#.*)?$`).MatchString(document)
}

// isBulk reports whether the bulkSubscribe of a Subscription is enabled, be it written in
// one line or in several.
func isBulk(document string) bool {
	block := regexp.MustCompile(`(?ms)^( +)bulkSubscribe:(.*)`)
	match := block.FindStringSubmatch(document)
	if match == nil {
		return false
	}
	enabled := regexp.MustCompile(`^[^#]*\benabled:\s*["']?true\b`)
	for i, line := range strings.Split(match[2], "\n") {
		text := strings.TrimLeft(line, " ")
		if i > 0 && text != "" && text[0] != '#' && len(line)-len(text) <= len(match[1]) {
			return false
		}
		if enabled.MatchString(line) {
			return true
		}
	}
	return false
}

func hasRedisHost(text string) bool {
	return regexp.MustCompile(entryName("redisHost")).MatchString(text)
}

// entryName matches the line with the name of a metadata entry, at the start of it.
func entryName(name string) string {
	return `(?m)^\s*-\s*name:\s*["']?` + regexp.QuoteMeta(name) + `["']?[ \t]*(?:#.*)?$`
}

// setValue replaces the value of every metadata entry with the name.
func setValue(text, name, value string) (replaced string, found bool) {
	entry := regexp.MustCompile(`(` + entryName(name) + `\n\s*value:)[^\n]*`)
	replaced = entry.ReplaceAllStringFunc(text, func(match string) string {
		return entry.FindStringSubmatch(match)[1] + " " + strconv.Quote(value)
	})
	return replaced, entry.MatchString(text)
}

// nameOf returns the name of the resource in the document.
func nameOf(document string) string {
	name := regexp.MustCompile(`(?m)^metadata:[ \t]*(?:#.*)?\n\s+name:\s*["']?([\w.-]+)`)
	if match := name.FindStringSubmatch(document); match != nil {
		return match[1]
	}
	return ""
}
