package activity

import "time"

// Times by which replicas learn that somebody looks.
const (
	watchFor    = 10 * time.Second // after somebody has looked
	extendAfter = 3 * time.Second
	maxAhead    = time.Minute // a later time is from a clock that is wrong
)

// watch says whether somebody looks, by what the document says of it. It belongs to
// whoever has the turn.
type watch struct {
	until  time.Time // by the clock of this process
	value  time.Time // what the document said last
	readAt time.Time
}

// read takes in what the document says. A time that changes is extended by somebody, also
// if the clocks of the replicas differ so much that it seems to be over.
func (w *watch) read(value, now time.Time) {
	if ahead := value.Sub(now); ahead > 0 && ahead <= maxAhead {
		w.extend(now.Add(min(ahead, watchFor)))
	}
	if !w.value.IsZero() && !value.IsZero() && !value.Equal(w.value) && now.Sub(w.readAt) < watchFor {
		w.extend(now.Add(watchFor))
	}
	w.value = value
	w.readAt = now
}

func (w *watch) extend(until time.Time) {
	if until.After(w.until) {
		w.until = until
	}
}

func (w *watch) on(now time.Time) bool { return now.Before(w.until) }
