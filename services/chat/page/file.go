package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
)

// coding is a content coding in which the files are kept.
type coding struct{ name, extension string }

// codings lists the content codings, the smallest first.
func codings() []coding { return []coding{{"br", ".br"}, {"gzip", ".gz"}} }

// file is one file in each of its codings; "" is the file as it is.
type file map[string]content

type content struct {
	bytes []byte
	etag  string
}

func (c content) reader() io.ReadSeeker { return bytes.NewReader(c.bytes) }

// newFile returns a file of its contents by coding. The same bytes have the same ETag,
// whichever program serves them.
func newFile(contents map[string][]byte) file {
	f := file{}
	for name, b := range contents {
		digest := sha256.Sum256(b)
		f[name] = content{bytes: b, etag: strconv.Quote(hex.EncodeToString(digest[:8]))}
	}
	return f
}

// choose returns the file in the smallest coding that the client accepts.
func (f file) choose(acceptEncoding string) (coding string, chosen content) {
	for _, c := range codings() {
		if kept, ok := f[c.name]; ok && accepts(acceptEncoding, c.name) {
			return c.name, kept
		}
	}
	return "", f[""]
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
