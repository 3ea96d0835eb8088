package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// zipped is the extension of the files that are kept, and gzipCoding the content coding
// in which they are.
const (
	zipped     = ".gz"
	gzipCoding = "gzip"
)

// file is one file. It is kept compressed, as nearly every client takes it.
type file struct {
	bytes []byte
	plain func() ([]byte, error) // decompresses it, once, for the first client that takes it only so
	etag  string
}

// newFile returns a file that is compressed by gzip. The same bytes have the same ETag,
// whichever program serves them.
func newFile(compressed []byte) file {
	digest := sha256.Sum256(compressed)
	return file{
		bytes: compressed,
		plain: sync.OnceValues(func() ([]byte, error) { return decompress(compressed) }),
		etag:  hex.EncodeToString(digest[:8]),
	}
}

// plainFile returns a file that is not compressed.
func plainFile(content []byte) file {
	f := newFile(content)
	f.bytes, f.plain = nil, func() ([]byte, error) { return content, nil }
	return f
}

// choose returns the file as the client accepts it, with the coding, which is empty for a
// file as it is, and the ETag. It fails if the file is damaged.
func (f file) choose(acceptEncoding string) (content []byte, coding, etag string, err error) {
	if f.bytes != nil && accepts(acceptEncoding, gzipCoding) {
		return f.bytes, gzipCoding, strconv.Quote(f.etag), nil
	}
	content, err = f.plain()
	return content, "", strconv.Quote(f.etag + "-plain"), err
}

func decompress(compressed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("decompressing a file of the page: %w", err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("decompressing a file of the page: %w", err)
	}
	return content, nil
}

// accepts reports whether a header Accept-Encoding names the coding, and not with a
// weight of 0.
func accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(item), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			weight, isWeight := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !isWeight || err == nil && q > 0
		}
	}
	return false
}
