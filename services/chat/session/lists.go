package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"daca/services/internal/contract"
)

// lists are the lists of the users' sessions. Each is stored in two parts, so that a message
// of a user with many sessions costs no more than one of a user with few: the whole list,
// and the sessions that have changed since that was written. Of a session that is in both,
// the newer entry counts. When there are more than maxRecent recent ones, they are written
// into the whole list first, and then taken out of the other.
type lists struct {
	sessions *Sessions
	whole    *documents[index]
	recent   *documents[index]
	writing  sync.WaitGroup // of what nobody waits for
	merging  sync.Map       // has the contract.UserID of each user whose recent sessions are being merged
}

// maxRecent limits the sessions that are written with each message. With more of them each
// message is dearer, with fewer the whole list is written more often.
const maxRecent = 24

func newLists(s *Sessions) *lists {
	l := &lists{sessions: s}
	l.whole = newDocuments(s.store, s.cfg.TTL, s.patience, decodeIndex, encodeIndex)
	l.recent = newDocuments(s.store, s.cfg.TTL, s.patience, decodeIndex, encodeIndex)
	l.recent.written = newGuesses()
	return l
}

// read returns the list of a user, with all that this process has written before.
func (l *lists) read(ctx context.Context, user contract.UserID) (index, error) {
	key := contract.RecentSessionsKey(user)
	l.recent.settle(ctx, key)
	// In this order, what is merged in the meantime is found twice, and in the other it would
	// not be found.
	_, recent, err := l.recent.read(ctx, key)
	if err != nil {
		return index{}, err
	}
	_, whole, err := l.whole.read(ctx, contract.SessionsKey(user))
	if err != nil {
		return index{}, err
	}
	whole.add(&recent)
	return whole, nil
}

// enlist shows the session in the list of its user. The caller does not wait for it. If it
// fails, the next turn mends it.
func (l *lists) enlist(ctx context.Context, user contract.UserID, e entry) {
	key := contract.RecentSessionsKey(user)
	b, leads := l.recent.join(key, nil, func(i *index) bool { return i.put(e) })
	if !leads {
		return
	}
	ctx = context.WithoutCancel(ctx)
	l.writing.Go(func() {
		l.recent.lead(ctx, key, b)
		l.warn(ctx, b.err)
		if b.err == nil {
			l.limit(ctx, user, &b.doc)
		}
	})
}

// put shows the session in the list of its user.
func (l *lists) put(ctx context.Context, user contract.UserID, e entry) error {
	recent, err := l.recent.change(ctx, contract.RecentSessionsKey(user), nil, func(i *index) bool { return i.put(e) })
	if err != nil {
		return err
	}
	l.limit(ctx, user, &recent)
	return nil
}

// remove takes the session, whose document has the revision now, out of the list of its
// user, and reports whether it was there.
func (l *lists) remove(ctx context.Context, user contract.UserID, id string, revision int) (listed bool, err error) {
	now := time.Now()
	remove := func(i *index) bool {
		removed := i.remove(id, revision, now)
		listed = listed || removed
		return removed
	}
	recent, err := l.recent.change(ctx, contract.RecentSessionsKey(user), nil, remove)
	if err != nil {
		return false, err
	}
	// The mark of the deletion is in the whole list before this returns. Otherwise a merge that
	// is under way would leave the title of the session there.
	err = l.merge(ctx, user, &recent, remove)
	return listed, err
}

// limit merges the recent sessions of a user if there are too many of them. If that fails,
// the next message tries again.
func (l *lists) limit(ctx context.Context, user contract.UserID, recent *index) {
	if len(recent.Sessions) <= maxRecent {
		return
	}
	if _, begun := l.merging.LoadOrStore(user, nil); begun {
		return
	}
	defer l.merging.Delete(user)
	l.warn(ctx, l.merge(ctx, user, recent, func(*index) bool { return false }))
}

// merge writes the recent sessions of a user into the whole list, with another change, and
// takes them out of the recent ones.
func (l *lists) merge(
	ctx context.Context, user contract.UserID, recent *index, change func(whole *index) bool,
) error {
	_, err := l.whole.change(ctx, contract.SessionsKey(user), nil, func(i *index) bool {
		added := i.add(recent)
		return change(i) || added
	})
	if err != nil {
		return fmt.Errorf("writing the whole list: %w", err)
	}
	_, err = l.recent.change(ctx, contract.RecentSessionsKey(user), nil, func(i *index) bool { return i.drop(recent) })
	if err != nil {
		return fmt.Errorf("removing what is in the whole list from the recent sessions: %w", err)
	}
	return nil
}

func (l *lists) warn(ctx context.Context, err error) {
	if l.sessions.note(ctx, err) != nil {
		l.sessions.cfg.Logger.WarnContext(ctx, "the list of a user's sessions is not up to date",
			"dependency", contract.StateStore, "error", err)
	}
}
