package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// bucketCheck checks one bucket.
type bucketCheck struct {
	file  *fileCheck
	path  []string
	nests bool   // whether the values are buckets
	last  uint64 // the highest number of a record
}

// tree checks the page and those below it. All keys are at least low and below high;
// nil is no limit.
func (b *bucketCheck) tree(id uint64, low, high []byte) error {
	page, err := b.file.page(id)
	if err != nil {
		return err
	}
	count := int(binary.NativeEndian.Uint16(page[10:]))
	flags := binary.NativeEndian.Uint16(page[8:])
	switch {
	case headerSize*(count+1) > len(page):
		return fmt.Errorf("page %d is too small for %d elements", id, count)
	case flags == leafPage:
		return b.leaf(page, count, low, high)
	case flags != branchPage || count == 0:
		return fmt.Errorf("page %d does not belong into a bucket", id)
	}
	keys := make([][]byte, count, count+1)
	for i := range keys { // pos 4, size of the key 4, page 8
		element := page[headerSize*(i+1):]
		if keys[i], err = cut(element, native32(element), native32(element[4:])); err != nil {
			return err
		}
		if !inOrder(low, keys[i], high) || i > 0 && bytes.Equal(keys[i-1], keys[i]) {
			return fmt.Errorf("the keys of page %d have no order", id)
		}
		low = keys[i]
	}
	keys = append(keys, high)
	for i := range count {
		if err := b.tree(native(page[headerSize*(i+1)+8:]), keys[i], keys[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// inline checks a page within the value of a bucket.
func (b *bucketCheck) inline(page []byte) error {
	if len(page) < headerSize || binary.NativeEndian.Uint16(page[8:]) != leafPage {
		return errors.New("the page in its value is broken")
	}
	count := int(binary.NativeEndian.Uint16(page[10:]))
	if headerSize*(count+1) > len(page) {
		return errors.New("the page in its value is too small")
	}
	return b.leaf(page, count, nil, nil)
}

func (b *bucketCheck) leaf(page []byte, count int, low, high []byte) error {
	for i := range count { // flags 4, pos 4, size of the key 4, size of the value 4
		element := page[headerSize*(i+1):]
		keySize := native32(element[8:])
		both, err := cut(element, native32(element[4:]), keySize+native32(element[12:]))
		if err != nil {
			return err
		}
		key := both[:keySize]
		value := both[keySize:]
		if !inOrder(low, key, high) || i > 0 && bytes.Equal(low, key) {
			return errors.New("the keys have no order")
		}
		low = key
		nested := native32(element) == bucketFlag
		switch {
		case nested != b.nests || native32(element) > bucketFlag,
			nested && (len(key) == 0 || len(value) < bucketValueSize),
			!nested && len(key) != 8:
			return fmt.Errorf("%q is no part of a spool", key)
		case nested:
			if err := b.file.bucket(value, append(b.path[:len(b.path):len(b.path)], string(key))); err != nil {
				return err
			}
		default:
			b.last = binary.BigEndian.Uint64(key)
		}
	}
	return nil
}

// cut returns n bytes from the position on.
func cut(from []byte, position, n uint64) ([]byte, error) {
	if position > uint64(len(from)) || n > uint64(len(from))-position {
		return nil, errors.New("an element reaches beyond its page")
	}
	return from[position : position+n], nil
}

// inOrder reports whether low <= key < high. Nil is no limit.
func inOrder(low, key, high []byte) bool {
	return bytes.Compare(low, key) <= 0 && (high == nil || bytes.Compare(key, high) < 0)
}
