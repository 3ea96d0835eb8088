package image

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// File is an entry of an image: the file at Source, or Content, or a symbolic
// link to Link, or else a directory. It belongs to root.
type File struct {
	Path    string // absolute; must not lead through a link of the base
	Source  string
	Content string
	Link    string
	Mode    int64 // 0 for 0755, or 0644 for a file with Content
}

// opener returns what writes the files as a tar stream, each time it is called.
func opener(files []File) tarball.Opener {
	return func() (io.ReadCloser, error) {
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(writeTar(writer, files)) }()
		return reader, nil
	}
}

func writeTar(w io.Writer, files []File) error {
	out := tar.NewWriter(w)
	for _, file := range files {
		if err := file.write(out); err != nil {
			return fmt.Errorf("adding %s: %w", file.Path, err)
		}
	}
	return out.Close()
}

func (f File) write(out *tar.Writer) error {
	header := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Mode: f.Mode, Format: tar.FormatPAX}
	var content io.Reader = strings.NewReader(f.Content)
	switch {
	case f.Link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, f.Link
	case f.Source != "":
		source, err := os.Open(f.Source)
		if err != nil {
			return err
		}
		defer func() { _ = source.Close() }()
		info, err := source.Stat()
		if err != nil {
			return err
		}
		header.Typeflag, header.Size, content = tar.TypeReg, info.Size(), source
	case f.Content != "":
		header.Typeflag, header.Size = tar.TypeReg, int64(len(f.Content))
	default:
		header.Typeflag = tar.TypeDir
		header.Name = strings.TrimSuffix(header.Name, "/") + "/"
	}
	if header.Mode == 0 {
		header.Mode = 0o755
		if f.Content != "" {
			header.Mode = 0o644
		}
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}
