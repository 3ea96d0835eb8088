package runs

import (
	"context"
	"encoding/json"
	"time"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// A replica with runs writes a sign of life again and again. Another one that sees neither
// that change nor the run takes the replica for dead after deadAfter, by its own clock:
// clocks are not compared.
const (
	signInterval = 2 * time.Second
	signLife     = 30 * time.Second
	deadAfter    = 8 * time.Second
)

// sign is the sign of life of a replica:
//
//	{"version": 1, "renewed": "2026-01-02T12:00:00.123Z"}
type sign struct {
	Version int       `json:"version"`
	Renewed time.Time `json:"renewed"`
}

// live gives signs of life until release is called.
func (m *Manager) live() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.living++
	if !m.signing {
		m.signing = true
		m.all.Go(m.giveSigns)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.living--
	}
}

// giveSigns gives signs of life for as long as there is a reason to.
func (m *Manager) giveSigns() {
	for m.mayBeMissed() {
		if err := m.giveSign(); err != nil {
			m.cfg.Logger.DebugContext(m.ctx, "a sign of life could not be given", "error", err)
		}
		pause(m.ctx, signInterval)
	}
}

func (m *Manager) mayBeMissed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signing = m.living > 0 && m.ctx.Err() == nil
	return m.signing
}

func (m *Manager) giveSign() error {
	ctx, cancel := context.WithTimeout(m.ctx, callTimeout)
	defer cancel()
	_, err := state.Update(ctx, m.counted(), contract.ReplicaKey(m.replica), signLife, func([]byte) ([]byte, error) {
		return json.Marshal(sign{Version: 1, Renewed: time.Now().UTC()})
	})
	return err
}

// watchIfSilent has a run watched if there is no sign of life of its owner: it will be
// ended if the owner is dead.
func (m *Manager) watchIfSilent(ctx context.Context, d *document) {
	if d.Owner != m.replica {
		found, err := m.get(ctx, contract.ReplicaKey(d.Owner))
		var last sign
		if err != nil || json.Unmarshal(found.Value, &last) == nil && time.Since(last.Renewed) < signLife {
			return
		}
	}
	m.mu.Lock()
	watched := m.mirrors[d.RunID] != nil
	m.mu.Unlock()
	if watched {
		return
	}
	l, leave, err := m.join(d.RunID)
	if err != nil {
		return
	}
	m.all.Go(func() {
		defer leave()
		ctx, cancel := context.WithTimeout(m.ctx, 2*deadAfter)
		defer cancel()
		f := &Follower{log: l}
		for {
			if _, err := f.Next(ctx); err != nil {
				return
			}
		}
	})
}
