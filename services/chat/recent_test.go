package main

import (
	"fmt"
	"testing"
	"time"
)

func acknowledge(r *recent, now time.Time, names ...string) {
	for _, name := range names {
		r.Remember(now, []record{{Event: []byte(name)}})
	}
}

// suspects takes all suspects, and returns their events.
func suspects(r *recent) (names []string) {
	for _, s := range r.TakeSuspects() {
		names = append(names, string(s.Event))
	}
	return names
}

func expectSuspects(t *testing.T, r *recent, want ...string) {
	t.Helper()
	if got := suspects(r); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("suspect are %v; want %v", got, want)
	}
}

// TestOldAcknowledgementsAreForgotten holds that the last seconds before the newest
// event are remembered, however long ago that was, but for a time that is too long.
func TestOldAcknowledgementsAreForgotten(t *testing.T) {
	t.Parallel()
	var r recent
	now := time.Now()
	acknowledge(&r, now, "first")
	acknowledge(&r, now.Add(5*time.Second), "second")
	acknowledge(&r, now.Add(11*time.Second), "third")
	r.Suspect(now.Add(time.Minute))
	expectSuspects(t, &r, "second", "third")
	r.Suspect(now.Add(time.Minute))
	expectSuspects(t, &r)
	acknowledge(&r, now.Add(time.Hour), "fourth")
	r.Suspect(now.Add(time.Hour + recentLimit + time.Second))
	expectSuspects(t, &r)
}

func TestCopiesAreNotRemembered(t *testing.T) {
	t.Parallel()
	var r recent
	acknowledge(&r, time.Now(), "first")
	r.Suspect(time.Now())
	r.Remember(time.Now(), r.TakeSuspects())
	r.Suspect(time.Now())
	expectSuspects(t, &r)
}

// TestMemoryIsBounded holds it for what is remembered, and for suspects that nobody
// takes. The oldest are forgotten.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var r recent
	now := time.Now()
	for n := range recentEvents + 5 {
		acknowledge(&r, now, fmt.Sprint(n))
	}
	if found, forgotten := r.Suspect(now); found != recentEvents || forgotten != 0 {
		t.Errorf("%d are suspect and %d forgotten; want %d and 0", found, forgotten, recentEvents)
	}
	large := string(make([]byte, recentBytes/4))
	acknowledge(&r, now, large, large, large, large, large)
	if found, forgotten := r.Suspect(now); found != 4 || forgotten != recentEvents {
		t.Errorf("%d are suspect and %d forgotten; want 4, and all others", found, forgotten)
	}
	if n := len(r.TakeSuspects()); n != 4 {
		t.Errorf("%d suspects are left; want 4", n)
	}
}
