package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"daca/services/internal/contract"
)

// ConfigurationFile is the Dapr resource that is passed to sidecars by --config.
const ConfigurationFile = "configuration.yaml"

// Rendering says how the Dapr resources are changed for one stack.
type Rendering struct {
	Source        string // directory of the resources, without its subdirectories
	Target        string // directory to write to; its content is replaced
	RedisHost     string // host:port for every redisHost
	RedisPassword string // for every redisPassword
	Suffix        string // appended to every app id with a dash; empty leaves them
}

// Render writes the resources. A stack must not use the Redis or the app ids of
// another one. So Render fails if a Redis component has no redisHost, if it has no
// redisPassword although there is a password, or if there is a suffix and no app id
// to append it to.
func (r Rendering) Render() error {
	paths, err := filepath.Glob(filepath.Join(r.Source, "*.yaml"))
	if err != nil {
		return fmt.Errorf("listing the Dapr resources in %s: %w", r.Source, err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("no Dapr resources (*.yaml) in %s", r.Source)
	}
	if err := errors.Join(os.RemoveAll(r.Target), os.MkdirAll(r.Target, 0o700)); err != nil {
		return fmt.Errorf("emptying %s: %w", r.Target, err)
	}
	components := 0
	renamed := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading a Dapr resource: %w", err)
		}
		text, isRedis, err := r.redis(text)
		if err != nil {
			return fmt.Errorf("rendering %s: %w", path, err)
		}
		text, ids := r.rename(text)
		if isRedis {
			components++
		}
		renamed += ids
		if err := os.WriteFile(filepath.Join(r.Target, filepath.Base(path)), text, 0o600); err != nil {
			return fmt.Errorf("writing a rendered Dapr resource: %w", err)
		}
	}
	if components == 0 {
		return fmt.Errorf("no Redis component among the Dapr resources in %s", r.Source)
	}
	if r.Suffix != "" && renamed == 0 {
		return fmt.Errorf("no app id to rename in the Dapr resources in %s", r.Source)
	}
	return nil
}

// redis sets host and password in the text of a Redis component. It returns other
// texts as they are.
func (r Rendering) redis(text []byte) (rendered []byte, isRedis bool, err error) {
	if !regexp.MustCompile(`(?m)^\s*type:\s*["']?\w+\.redis\b`).Match(text) {
		return text, false, nil
	}
	text, found := setValue(text, "redisHost", r.RedisHost)
	if !found {
		return nil, true, errors.New("a Redis component has no redisHost with a value in the line below it")
	}
	text, found = setValue(text, "redisPassword", r.RedisPassword)
	if !found && r.RedisPassword != "" {
		return nil, true, errors.New("there is a Redis password, " +
			"but the component has no redisPassword with a value in the line below it")
	}
	return text, true, nil
}

// setValue replaces the value of every metadata entry with the name.
func setValue(text []byte, name, value string) (replaced []byte, found bool) {
	entry := regexp.MustCompile(`(?m)^(\s*-\s*name:\s*["']?` + name + `["']?[ \t]*(?:#.*)?\n\s*value:)[^\n]*`)
	replaced = entry.ReplaceAllFunc(text, func(match []byte) []byte {
		return append(entry.FindSubmatch(match)[1], " "+strconv.Quote(value)...)
	})
	return replaced, entry.Match(text)
}

// rename appends the suffix to every app id, and returns how many there are.
func (r Rendering) rename(text []byte) (renamed []byte, count int) {
	if r.Suffix == "" {
		return text, 0
	}
	id := regexp.MustCompile(`\b(?:` + contract.ChatApp + `|` + contract.AnalyticsApp + `)\b`)
	return id.ReplaceAllFunc(text, func(match []byte) []byte {
		count++
		return []byte(appID(string(match), r.Suffix))
	}), count
}

func appID(id, suffix string) string {
	if suffix == "" {
		return id
	}
	return id + "-" + suffix
}
