package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// EmbeddedRedis is a Redis inside this process, for machines without one. It keeps
// its data over stops and starts, as long as the value lives.
type EmbeddedRedis struct {
	mu      sync.Mutex
	mini    *miniredis.Miniredis
	addr    string // empty before the first start
	running bool
}

// NewEmbeddedRedis returns a Redis that is not started yet.
func NewEmbeddedRedis() *EmbeddedRedis {
	return &EmbeddedRedis{mini: miniredis.NewMiniRedis()}
}

// Start listens on a free port of the loopback interface. After a Stop it listens
// on the same port again.
func (r *EmbeddedRedis) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return errors.New("starting the embedded Redis: it is running already")
	}
	addr := r.addr
	if addr == "" {
		ports, release, err := FreePorts(1)
		if err != nil {
			return fmt.Errorf("starting the embedded Redis: %w", err)
		}
		release()
		addr = loopback(ports[0])
	}
	// Closing ended the context under which commands block.
	r.mini.Ctx, r.mini.CtxCancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.mini.StartAddr(addr); err != nil {
		return fmt.Errorf("starting the embedded Redis: %w", err)
	}
	r.mini.Server().SetPreHook(answerReplicationInfo)
	r.mini.ClockTTL(true)
	r.addr = addr
	r.running = true
	return nil
}

// Addr is host:port; empty before the first start.
func (r *EmbeddedRedis) Addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// Stop closes every connection and stops listening.
func (r *EmbeddedRedis) Stop(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.mini.Close()
	}
	r.running = false
	return nil
}

// answerReplicationInfo answers INFO replication, which Dapr's state store asks for at
// its start and miniredis does not know.
func answerReplicationInfo(peer *server.Peer, cmd string, args ...string) bool {
	if cmd != "INFO" || len(args) != 1 || !strings.EqualFold(args[0], "replication") {
		return false
	}
	peer.WriteBulk("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n")
	return true
}
