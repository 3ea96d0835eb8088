// Package runs keeps answers in progress. A run belongs to the service, and not to the
// connection of the client who asked: it goes on when that is cut, and can be followed
// and stopped on every replica. Its log is kept in the state store while it grows.
//
// One replica owns a run and writes its document with the ETag of what it wrote before.
// The others read the document. When the owner gives no more signs of life, one of them
// takes the run over, by the same compare-and-swap, and ends it. What a run leads to,
// such as an event that is published, happens only after the owner has written down that
// it will: a replica that has lost a run learns it there.
package runs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"daca/services/internal/contract"
	"daca/services/internal/state"
)

// Config is what a Manager needs. Everything is required.
type Config struct {
	Store state.Store
	// Longest is how long a run takes at most, with what it leads to.
	Longest time.Duration
	// Settle does what an outcome with Effects leads to, and returns how the run has ended.
	// It is called for runs of dead replicas, which may have settled the outcome already.
	Settle Settle

	MaxRuns      int // at a time in this process
	MaxFollowers int // at a time in this process

	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Settle does what an outcome leads to, after that is stored, and returns how the run has
// ended, with the last entry that followers get. For one run it may be called in several
// processes: what it does has to be the same each time.
type Settle func(ctx context.Context, of Info, outcome Outcome) Outcome

// Job is what a run does.
type Job struct {
	ID        string // of the run; NewID makes one
	UserID    string
	SessionID string
	// Produce makes the answer, and emits the entries of the log while it does. It calls
	// emit for one entry at a time, and not after it has returned. It returns soon after
	// ctx ends; the cause of that is ErrStopped if somebody stopped the run. The sizes of
	// what it emits and returns are its own business.
	Produce func(ctx context.Context, emit func(Entry)) Outcome
	// Settle is Config.Settle for this run while its own process is alive, which may know
	// more. Nil is Config.Settle.
	Settle Settle
}

// Errors of a Manager.
var (
	ErrUnknown     = errors.New("no run has that id")
	ErrExists      = errors.New("there is a run with that id already")
	ErrBusy        = errors.New("there are too many runs, or too many followers")
	ErrUnavailable = errors.New("the state store does not answer")

	ErrStopped = errors.New("the run was stopped")               // the cause of the end of a context
	ErrLost    = errors.New("another replica has ended the run") // the cause of the end of a context
	errClosing = errors.New("the service is stopping")
)

const (
	keepFor      = time.Hour              // how long a run can be followed after its end
	startBudget  = time.Second            // for storing a run before it starts
	startFailing = 250 * time.Millisecond // the same while the store fails
	callTimeout  = 2 * time.Second        // for one call of the store
)

// Manager starts, follows and stops runs.
type Manager struct {
	cfg     Config
	replica string // the id of this process
	guesses guesses
	metrics metrics

	ctx     context.Context //nolint:containedctx // of all runs: they belong to no request
	cancel  context.CancelCauseFunc
	closing chan struct{} // closed when no more runs are started
	all     sync.WaitGroup
	runs    sync.WaitGroup // whose answer is not there yet, or leads to something

	mu        sync.Mutex
	closed    bool
	owned     map[string]*owned // that are not stored in their final state
	unstored  []*owned          // those of them that have ended, oldest first
	running   int
	mirrors   map[string]*mirror
	followers int
	living    int // reasons to give signs of life
	signing   bool
	failing   bool
}

// New returns a manager that has no runs. Close ends it.
func New(cfg Config) *Manager {
	m := &Manager{
		cfg: cfg, replica: uuid.NewString(), closing: make(chan struct{}),
		owned: map[string]*owned{}, mirrors: map[string]*mirror{},
	}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	m.measure(cfg.Metrics)
	return m
}

// NewID returns a new id of a run. Who knows it may follow and stop the run.
func NewID() string { return uuid.NewString() }

// Start starts a run, which does not end with ctx, and returns a follower from its
// beginning. It fails with ErrBusy, and with ErrExists if another process has stored a run
// with the id. If the store fails, the run starts all the same: it can be followed in this
// process only until it is stored.
func (m *Manager) Start(ctx context.Context, job Job) (*Follower, error) {
	r := newOwned(ctx, m, job)
	if err := m.admit(r); err != nil {
		return nil, err
	}
	f, err := m.follow(r.log, Cursor{}, r.info(), func() {})
	if err == nil {
		err = r.begin(ctx)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		r.cancel(err)
		m.mu.Lock()
		m.running--
		delete(m.owned, job.ID)
		m.mu.Unlock()
		m.runs.Done()
		return nil, err
	}
	m.all.Go(func() {
		defer m.live()()
		r.run(context.WithoutCancel(ctx))
	})
	return f, nil
}

// admit makes the run one of this process, if there is room.
func (m *Manager) admit(r *owned) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.running >= m.cfg.MaxRuns {
		return ErrBusy
	}
	if m.owned[r.job.ID] != nil {
		return ErrExists
	}
	m.running++
	m.runs.Add(1)
	m.owned[r.job.ID] = r
	return nil
}

// follow returns a follower of the log, if there is room. Leave is called once, when the
// follower is closed.
func (m *Manager) follow(l *log, after Cursor, info Info, leave func()) (*Follower, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.followers >= m.cfg.MaxFollowers {
		return nil, ErrBusy
	}
	m.followers++
	return &Follower{Info: info, log: l, at: after, leave: sync.OnceFunc(func() {
		m.mu.Lock()
		m.followers--
		m.mu.Unlock()
		leave()
	})}, nil
}

// Follow follows a run, whichever replica runs it, from a place on. It fails with
// ErrUnknown, ErrBusy or ErrUnavailable.
func (m *Manager) Follow(ctx context.Context, id string, after Cursor) (*Follower, error) {
	if r := m.ownedRun(id); r != nil {
		return m.follow(r.log, after, r.info(), func() {})
	}
	d, err := m.read(ctx, id)
	if err != nil {
		return nil, err
	}
	l, leave, err := m.join(id)
	if err != nil {
		return nil, err
	}
	f, err := m.follow(l, after, d.info(), leave)
	if err != nil {
		leave()
		return nil, err
	}
	return f, nil
}

// Get returns what is known of a run. It fails with ErrUnknown or ErrUnavailable. If the
// replica that runs it gives no signs of life, Get has that watched: some seconds later
// the run has ended.
func (m *Manager) Get(ctx context.Context, id string) (Info, error) {
	if r := m.ownedRun(id); r != nil {
		return r.info(), nil
	}
	d, err := m.read(ctx, id)
	if err != nil {
		return Info{}, err
	}
	if !d.State.Final() {
		m.watchIfSilent(ctx, d)
	}
	return d.info(), nil
}

// Stop stops a run, whichever replica runs it, and returns what is known of it then: if it
// is still running, its owner has been told, or sees it within half a second. A run whose
// outcome is stored is not stopped any more. It fails with ErrUnknown or ErrUnavailable.
func (m *Manager) Stop(ctx context.Context, id string) (Info, error) {
	if r := m.ownedRun(id); r != nil {
		r.cancel(ErrStopped)
		return r.info(), nil
	}
	if _, err := m.read(ctx, id); err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var d *document
	_, err := state.Update(ctx, m.counted(), contract.RunKey(id), m.lifetime(), func(value []byte) ([]byte, error) {
		var err error
		if d, err = decodeDocument(value); err != nil {
			return nil, ErrUnknown // it has expired meanwhile
		}
		if d.Stop || d.State != Running {
			return nil, state.ErrKeep
		}
		return withStop(value)
	})
	switch {
	case errors.Is(err, ErrUnknown):
		return Info{}, err
	case err != nil:
		return Info{}, fmt.Errorf("stopping a run: %w: %w", ErrUnavailable, err)
	}
	if d.State == Running {
		m.watchIfSilent(ctx, d)
	}
	return d.info(), nil
}

// Close starts no more runs, and waits for those in progress until ctx ends, when it cuts
// them off. It returns when nothing of the manager is running any more.
func (m *Manager) Close(ctx context.Context) {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.closing)
	}
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); m.runs.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
		m.cfg.Logger.ErrorContext(ctx, "answers in progress are cut off by the stop of the service")
	}
	m.cancel(errClosing)
	m.all.Wait()
	<-ended
}

func (m *Manager) ownedRun(id string) *owned {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owned[id]
}

// lifetime is how long the document of a run is kept that has not ended.
func (m *Manager) lifetime() time.Duration { return m.cfg.Longest + keepFor }
