package stack

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"daca/services/internal/contract"
)

// ConfigurationFile is the Dapr resource that is passed to sidecars by --config.
const ConfigurationFile = "configuration.yaml"

// Rendering says how the Dapr resources are changed for one stack.
type Rendering struct {
	Source        string // directory of the resources, without its subdirectories
	Target        string // directory to write to; its content is replaced
	RedisHost     string // host:port for every redisHost; empty if no component has one
	RedisPassword string // for every redisPassword
	Suffix        string // appended to every app id with a dash; empty leaves them
	// Values replace those of other metadata entries. A key is the name of an entry, for
	// all components, or statestore.connectionString for the component statestore only,
	// which wins. A value that is replaced has to be in the line below the name.
	Values map[string]string
}

// Render writes the resources. A stack must not use the servers or the app ids of
// another one. So Render fails if only the resources or only the stack has a Redis, if
// a component with a redisHost has no redisPassword although there is a password, if
// there is no entry for one of the values, or if there is a suffix and no app id to
// append it to.
func (r Rendering) Render() error {
	texts, err := readResources(r.Source)
	if err != nil {
		return err
	}
	unused := maps.Clone(r.Values)
	onRedis := false
	renamed := 0
	for path, text := range texts {
		documents := strings.Split(text, documentEnd)
		for i, document := range documents {
			document = r.set(document, unused)
			document, redis, err := r.redis(document)
			if err != nil {
				return fmt.Errorf("rendering %s: %w", path, err)
			}
			onRedis = onRedis || redis
			var ids int
			documents[i], ids = r.rename(document)
			renamed += ids
		}
		texts[path] = strings.Join(documents, documentEnd)
	}
	switch {
	case r.RedisHost != "" && !onRedis:
		return fmt.Errorf("there is a Redis, but no redisHost in the Dapr resources in %s", r.Source)
	case len(unused) > 0:
		return fmt.Errorf("no entry %s in the Dapr resources in %s",
			strings.Join(slices.Sorted(maps.Keys(unused)), ", "), r.Source)
	case r.Suffix != "" && renamed == 0:
		return fmt.Errorf("no app id to rename in the Dapr resources in %s", r.Source)
	}
	return r.write(texts)
}

func (r Rendering) write(texts map[string]string) error {
	if err := errors.Join(os.RemoveAll(r.Target), os.MkdirAll(r.Target, 0o700)); err != nil {
		return fmt.Errorf("emptying %s: %w", r.Target, err)
	}
	for path, text := range texts {
		if err := os.WriteFile(filepath.Join(r.Target, filepath.Base(path)), []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing a rendered Dapr resource: %w", err)
		}
	}
	return nil
}

// redis sets host and password in a component that has a redisHost. It returns other
// documents as they are.
func (r Rendering) redis(document string) (rendered string, onRedis bool, err error) {
	if !hasRedisHost(document) {
		return document, false, nil
	}
	if r.RedisHost == "" {
		return "", true, errors.New("a component has a redisHost, but there is no Redis")
	}
	document, found := setValue(document, "redisHost", r.RedisHost)
	if !found {
		return "", true, errors.New("a component has a redisHost without a value in the line below it")
	}
	document, found = setValue(document, "redisPassword", r.RedisPassword)
	if !found && r.RedisPassword != "" {
		return "", true, errors.New("there is a Redis password, " +
			"but the component has no redisPassword with a value in the line below it")
	}
	return document, true, nil
}

// set replaces the values of metadata entries, and deletes from unused those that it
// finds an entry for.
func (r Rendering) set(document string, unused map[string]string) string {
	forAllFirst := func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") }
	for _, key := range slices.SortedFunc(maps.Keys(r.Values), forAllFirst) {
		component, entry, one := strings.Cut(key, ".")
		if !one {
			entry = component
		} else if component != nameOf(document) {
			continue
		}
		replaced, found := setValue(document, entry, r.Values[key])
		if found {
			delete(unused, key)
		}
		document = replaced
	}
	return document
}

// rename appends the suffix to every app id, and returns how many there are.
func (r Rendering) rename(document string) (renamed string, count int) {
	if r.Suffix == "" {
		return document, 0
	}
	id := regexp.MustCompile(`\b(?:` + contract.ChatApp + `|` + contract.AnalyticsApp + `)\b`)
	return id.ReplaceAllStringFunc(document, func(match string) string {
		count++
		return appID(match, r.Suffix)
	}), count
}

func appID(id, suffix string) string {
	if suffix == "" {
		return id
	}
	return id + "-" + suffix
}
