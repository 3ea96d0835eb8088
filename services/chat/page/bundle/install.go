package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"
)

const (
	fetchTimeout = time.Minute
	fetchTries   = 3
)

// install returns a node_modules directory with the packages. It is in the cache, and
// filled once for each set of packages.
func install(
	ctx context.Context, packages []npmPackage, cache string, npm settings, say func(string),
) (modules string, err error) {
	key := sha256.New()
	for _, p := range packages {
		_, _ = fmt.Fprintln(key, p.Path, p.Version, p.Integrity) // a hash takes everything
	}
	root := filepath.Join(cache, "npm-"+hex.EncodeToString(key.Sum(nil)[:6]))
	modules = filepath.Join(root, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making a place for packages: %w", err)
	}
	unfinished, err := os.MkdirTemp(cache, "npm-unfinished-")
	if err != nil {
		return "", fmt.Errorf("making a place for packages: %w", err)
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if npm, err = npm.completed(ctx); err != nil {
		return "", err
	}
	client, err := npm.client()
	if err != nil {
		return "", err
	}
	for _, p := range packages {
		say("fetching " + p.name() + " " + p.Version)
		if err := fetch(ctx, client, npm, p, filepath.Join(unfinished, p.Path)); err != nil {
			return "", fmt.Errorf("fetching %s %s: %w", p.name(), p.Version, err)
		}
	}
	err = os.Rename(unfinished, root)
	if _, missing := os.Stat(modules); err != nil && missing != nil { // otherwise somebody else was faster
		return "", fmt.Errorf("putting packages into their place: %w", err)
	}
	return modules, nil
}

// client returns a client that trusts what npm trusts.
func (s settings) client() (*http.Client, error) {
	client := &http.Client{Timeout: fetchTimeout}
	if s["cafile"] == "" {
		return client, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(s["cafile"])
	if err != nil {
		return nil, fmt.Errorf("npm's setting cafile: %w", err)
	}
	roots.AppendCertsFromPEM(pem)
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return client, nil
	}
	transport = transport.Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	client.Transport = transport
	return client, nil
}

// fetch puts the files of a package into a directory. It tries again after failures that
// may pass.
func fetch(ctx context.Context, client *http.Client, npm settings, p npmPackage, dir string) error {
	registry := npm.registry(p.name())
	url := fmt.Sprintf("%s%s/-/%s-%s.tgz", registry, p.name(), path.Base(p.name()), p.Version)
	for try := 1; ; try++ {
		archive, err := download(ctx, client, url, npm.token(registry))
		if err == nil {
			if err := verify(archive, p.Integrity); err != nil {
				return err
			}
			return unpack(archive, dir)
		}
		var refused *refusedError
		if try == fetchTries || errors.As(err, &refused) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
