package images

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// File is an entry of an image, which belongs to root. It is a copy of the file
// OnDisk, a file with Content, or a symbolic link to Link, whichever is set, and
// otherwise a directory.
type File struct {
	Path    string // absolute; no symbolic link of the base may be part of it
	OnDisk  string // path of a file on this machine
	Content string
	Link    string
	Mode    int64 // 0: 0644 for a file with Content, 0755 for all else
}

// opener returns a function that opens the files as a stream in tar format.
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
		header.Typeflag = tar.TypeSymlink
		header.Linkname = f.Link
	case f.OnDisk != "":
		file, err := os.Open(f.OnDisk)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Typeflag = tar.TypeReg
		header.Size = info.Size()
		content = file
	case f.Content != "":
		header.Typeflag = tar.TypeReg
		header.Size = int64(len(f.Content))
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
