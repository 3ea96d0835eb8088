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
// a digest of their content in theirs, so that a browser may keep them for ever. Main is what
// the page needs at once. What a script imports when it is needed has a file of its own.
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
		EntryNames:        "[name]-[hash]",
		ChunkNames:        "[name]-[hash]",
		Bundle:            true,
		Splitting:         true,
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
	icon, err := os.ReadFile(filepath.Join(dir, "icon.svg"))
	if err != nil {
		return nil, fmt.Errorf("bundling: %w", err)
	}
	digest := sha256.Sum256(icon)
	files["icon-"+hex.EncodeToString(digest[:5])+".svg"] = icon
	html, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		return nil, fmt.Errorf("bundling: %w", err)
	}
	files["index.html"], err = withDigests(html, files)
	return files, err
}

// withDigests makes of each reference to "page/BASE.EXTENSION" in index.html one to the file
// BASE-DIGEST.EXTENSION. There has to be one to each file but those that scripts import.
func withDigests(html []byte, files map[string][]byte) ([]byte, error) {
	for _, base := range []string{"main.js", "main.css", "icon.svg"} {
		name, extension, _ := strings.Cut(base, ".")
		for file := range files {
			if !strings.HasPrefix(file, name+"-") || !strings.HasSuffix(file, "."+extension) {
				continue
			}
			reference := []byte(`"page/` + base + `"`)
			if !bytes.Contains(html, reference) {
				return nil, fmt.Errorf("index.html does not refer to %s", reference)
			}
			html = bytes.ReplaceAll(html, reference, []byte(`"page/`+file+`"`))
		}
	}
	return html, nil
}
