package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The parts of bbolt's file format that checkFile needs, see the package
// go.etcd.io/bbolt/internal/common. A page has a header and elements of the same
// size; the first two pages are the meta pages.
const (
	headerSize      = 16 // id 8, flags 2, count 2, overflow 4; of an element: see its reader
	branchPage      = 1
	leafPage        = 2
	freelistPage    = 16
	metaSize        = 64 // magic 4, version 4, page size 4, flags 4, root 8, sequence 8, freelist 8, pages 8, tx 8, sum 8
	metaMagic       = 0xED0CDAED
	metaVersion     = 2
	noFreelist      = 1<<64 - 1
	bucketFlag      = 1
	countIsElement  = 0xFFFF // then the number of free pages is the first element
	smallestPage    = 1024
	largestPage     = 16 << 20
	bucketValueSize = 16 // root 8, sequence 8; a bucket with the root 0 is in a page that follows
)

// fileCheck reads a file of bbolt without bbolt, which panics on a damaged one, or
// reads memory that is not the file's.
type fileCheck struct {
	file     io.ReaderAt
	pageSize uint64
	used     []bool // by page
}

// checkFile returns an error unless all pages of the newest version in the file are
// whole, and have the layout of a spool. An empty file is in order.
func checkFile(file io.ReaderAt, size int64) error {
	if size == 0 {
		return nil
	}
	c := &fileCheck{file: file}
	meta := c.newestMeta(size)
	if meta == nil {
		return errors.New("it does not begin as a spool does")
	}
	pages := native(meta[40:])
	if pages > uint64(size)/c.pageSize {
		return fmt.Errorf("it has %d bytes, and should have %d pages of %d", size, pages, c.pageSize)
	}
	c.used = make([]bool, pages)
	if err := c.bucket(meta[16:32], []string{""}); err != nil {
		return err
	}
	return c.freelist(native(meta[32:]))
}

func native(b []byte) uint64   { return binary.NativeEndian.Uint64(b) }
func native32(b []byte) uint64 { return uint64(binary.NativeEndian.Uint32(b)) }

// newestMeta returns the meta page that is valid and has the higher transaction
// number, and sets the size of pages.
func (c *fileCheck) newestMeta(size int64) (newest []byte) {
	meta := make([]byte, metaSize)
	for at := int64(0); at < min(size, 2*largestPage); at = max(smallestPage, 2*at) {
		if n, _ := c.file.ReadAt(meta, at+headerSize); n < metaSize {
			break
		}
		sum := fnv.New64a()
		_, _ = sum.Write(meta[:56])
		pageSize := native32(meta[8:])
		if native32(meta) != metaMagic || native32(meta[4:]) != metaVersion || native(meta[56:]) != sum.Sum64() ||
			pageSize < smallestPage || pageSize > largestPage || at != 0 && at != int64(pageSize) {
			continue
		}
		if newest == nil || native(meta[48:]) > native(newest[48:]) {
			newest = bytes.Clone(meta)
			c.pageSize = pageSize
		}
	}
	return newest
}

// page reads a page and what overflows it into the next ones.
func (c *fileCheck) page(id uint64) ([]byte, error) {
	page := make([]byte, c.pageSize)
	if id < 2 || id >= uint64(len(c.used)) {
		return nil, fmt.Errorf("there is no page %d", id)
	}
	if _, err := c.file.ReadAt(page, int64(id*c.pageSize)); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", id, err)
	}
	overflow := native32(page[12:])
	if native(page) != id || overflow >= uint64(len(c.used))-id {
		return nil, fmt.Errorf("page %d has a wrong header", id)
	}
	for i := id; i <= id+overflow; i++ {
		if c.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.used[i] = true
	}
	if overflow > 0 {
		page = make([]byte, (overflow+1)*c.pageSize)
		if _, err := c.file.ReadAt(page, int64(id*c.pageSize)); err != nil {
			return nil, fmt.Errorf("reading page %d: %w", id, err)
		}
	}
	return page, nil
}

// bucket checks the bucket with this value and path. The root bucket has only buckets,
// and so has "topics"; all others have only records.
func (c *fileCheck) bucket(value []byte, path []string) error {
	b := &bucketCheck{file: c, path: path, nests: len(path) == 1 || len(path) == 2 && path[1] == string(topicsBucket())}
	var err error
	if root := native(value); root != 0 {
		err = b.tree(root, nil, nil)
	} else {
		err = b.inline(value[bucketValueSize:])
	}
	if err == nil && !b.nests && b.last > native(value[8:]) {
		err = fmt.Errorf("record %d is newer than the newest one", b.last)
	}
	if err != nil {
		return fmt.Errorf("bucket %q: %w", path, err)
	}
	return nil
}

// freelist checks the list of the pages that are free.
func (c *fileCheck) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	page, err := c.page(id)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	list := page[headerSize:]
	count := uint64(binary.NativeEndian.Uint16(page[10:]))
	if count == countIsElement {
		count = native(list)
		list = list[8:]
	}
	if binary.NativeEndian.Uint16(page[8:]) != freelistPage || count > uint64(len(list))/8 {
		return errors.New("the list of free pages is broken")
	}
	for i := range count {
		free := native(list[8*i:])
		if free < 2 || free >= uint64(len(c.used)) || c.used[free] {
			return fmt.Errorf("page %d cannot be free", free)
		}
		c.used[free] = true
	}
	return nil
}
