package sidecar

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// sized is a pool that notes what was asked for, and gives out what another one has.
type sized struct {
	mem.BufferPool

	got []int // capacities
}

func (s *sized) Get(length int) *[]byte {
	buffer := s.BufferPool.Get(length)
	s.got = append(s.got, cap(*buffer))
	return buffer
}

func TestMessagesTakeBuffersOfTheirSize(t *testing.T) {
	t.Parallel()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 10, 300, 5000, 33 << 10, 70 << 10, 3 << 20, 9 << 20} {
		pool := &sized{BufferPool: c.pool}
		c := codec{pool}
		sent := wrapperspb.Bytes(bytes.Repeat([]byte{7}, size))
		encoded, err := c.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		for _, capacity := range pool.got {
			if capacity > max(4*size, 4<<10) {
				t.Errorf("a message of %d bytes takes a buffer of %d", size, capacity)
			}
		}
		want, err := proto.Marshal(sent)
		if err != nil || !bytes.Equal(encoded.Materialize(), want) {
			t.Errorf("a message of %d bytes is encoded in another way, %v", size, err)
		}
		received := &wrapperspb.BytesValue{}
		if err := c.Unmarshal(encoded, received); err != nil || !proto.Equal(received, sent) {
			t.Errorf("a message of %d bytes is decoded to another one, %v", size, err)
		}
		encoded.Free()
	}
	if _, err := c.Marshal("text"); err == nil {
		t.Error("a text is encoded")
	}
	if err := c.Unmarshal(nil, "text"); err == nil {
		t.Error("a text is decoded")
	}
}
