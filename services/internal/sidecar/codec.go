package sidecar

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec encodes messages of protobuf as gRPC's own codec does, but into buffers of their
// size. The pool of gRPC has none between 32 KiB and 1 MiB: a list of sessions of 33 KiB
// took 1 MiB, which is cleared before each use, and 32 messages at once kept 30 MiB alive.
type codec struct{ pool mem.BufferPool }

var _ encoding.CodecV2 = codec{}

func newCodec() (codec, error) {
	// From 256 bytes to 4 MiB, in powers of two. Larger buffers are not kept.
	exponents := []uint8{8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}
	pool, err := mem.NewBinaryTieredBufferPool(exponents...)
	if err != nil {
		return codec{}, fmt.Errorf("making buffers for the sidecar: %w", err)
	}
	return codec{pool}, nil
}

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message of protobuf", v)
	}
	size := proto.Size(message)
	options := proto.MarshalOptions{UseCachedSize: true}
	if mem.IsBelowBufferPoolingThreshold(size) {
		encoded, err := options.Marshal(message)
		return mem.BufferSlice{mem.SliceBuffer(encoded)}, err
	}
	buffer := c.pool.Get(size)
	if _, err := options.MarshalAppend((*buffer)[:0], message); err != nil {
		c.pool.Put(buffer)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(buffer, c.pool)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message of protobuf", v)
	}
	encoded := data.MaterializeToBuffer(c.pool)
	defer encoded.Free()
	return proto.Unmarshal(encoded.ReadOnlyData(), message)
}
