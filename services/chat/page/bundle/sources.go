package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// sources are those of the page.
type sources struct {
	dir     string // has index.html, main.tsx, main.css and icon.svg
	modules string // the node_modules directory
}

// bundle returns the files of the page by name. index.html keeps its name. The others have
// a digest of their content in theirs, so that a browser may keep them for ever.
func (s sources) bundle() (map[string][]byte, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, fmt.Errorf("looking for the sources: %w", err)
	}
	built := api.Build(api.BuildOptions{
		EntryPoints:       []string{filepath.Join(dir, "main.tsx"), filepath.Join(dir, "main.css")},
		AbsWorkingDir:     dir,
		Outdir:            "/",
		NodePaths:         []string{s.modules},
		Bundle:            true,
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Platform:          api.PlatformBrowser,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone, // licenses.txt has them
	})
	if len(built.Errors) > 0 {
		lines := api.FormatMessages(built.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return nil, errors.New("bundling:\n" + strings.Join(lines, ""))
	}
	files := map[string][]byte{}
	for _, file := range built.OutputFiles {
		files[filepath.Base(file.Path)] = file.Contents
	}
	for _, name := range []string{"icon.svg", "index.html"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("bundling: %w", err)
		}
	}
	return withDigests(files)
}

// withDigests renames all files but index.html, which has to refer to each of them as
// "page/NAME".
func withDigests(files map[string][]byte) (map[string][]byte, error) {
	const index = "index.html"
	renamed := map[string][]byte{}
	html := files[index]
	for name, content := range files {
		if name == index {
			continue
		}
		digest := sha256.Sum256(content)
		base, extension, _ := strings.Cut(name, ".")
		unique := base + "-" + hex.EncodeToString(digest[:5]) + "." + extension
		renamed[unique] = content
		reference := []byte(`"page/` + name + `"`)
		if !bytes.Contains(html, reference) {
			return nil, fmt.Errorf("%s does not refer to %s", index, reference)
		}
		html = bytes.ReplaceAll(html, reference, []byte(`"page/`+unique+`"`))
	}
	renamed[index] = html
	return renamed, nil
}
