package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daca/services/internal/state"
	"daca/services/internal/state/statetest"
)

// add adds a word to a list of words, once.
func add(word string) func([]byte) ([]byte, error) {
	return func(value []byte) ([]byte, error) {
		if strings.Contains(string(value), word) {
			return nil, state.ErrKeep
		}
		return append(value, word...), nil
	}
}

// TestUpdateLosesNothing has many update one key at once, while every way to fail comes up.
func TestUpdateLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := 0
		s := &statetest.Store{Fail: func(string, ...string) statetest.Fault {
			<-time.After(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			calls++
			return []statetest.Fault{statetest.None, statetest.None, statetest.After, statetest.None, statetest.Before}[calls%5]
		}}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				word := fmt.Sprintf("<%d>", i)
				value, err := state.Update(t.Context(), s, "k", 0, add(word))
				if err != nil || !strings.Contains(string(value), word) {
					t.Errorf("Update = %s, %v; want %s in it", value, err, word)
				}
			})
		}
		all.Wait()
		value := string(s.Value("k"))
		for i := range 50 {
			if n := strings.Count(value, fmt.Sprintf("<%d>", i)); n != 1 {
				t.Errorf("%d is there %d times", i, n)
			}
		}
	})
}

func TestUpdateEnds(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		change func([]byte) ([]byte, error)
		fail   bool
		want   []error
		value  string
		calls  int // of the store; 0 is any number
	}{
		"with the new value":         {add("b"), false, nil, "ab", 2},
		"with the value as it is":    {add("a"), false, nil, "a", 1},
		"with the error of a change": {func([]byte) ([]byte, error) { return nil, refused }, false, []error{refused}, "", 1},
		"with ctx": {
			add("b"), true, []error{context.DeadlineExceeded, statetest.ErrFault}, "", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failing := false
				s := &statetest.Store{Fail: func(string, ...string) statetest.Fault {
					if failing {
						return statetest.Before
					}
					return statetest.None
				}}
				if err := s.Put(t.Context(), state.Put{Key: "k", Value: []byte("a")}); err != nil {
					t.Fatal(err)
				}
				failing = tc.fail
				before := s.Calls()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				value, err := state.Update(ctx, s, "k", 0, tc.change)
				if string(value) != tc.value || (err == nil) != (tc.want == nil) {
					t.Errorf("Update = %q, %v; want %q, %v", value, err, tc.value, tc.want)
				}
				for _, want := range tc.want {
					if !errors.Is(err, want) {
						t.Errorf("the error is %v; want %v in it", err, want)
					}
				}
				if calls := s.Calls() - before; tc.calls != 0 && calls != tc.calls {
					t.Errorf("%d calls of the store; want %d", calls, tc.calls)
				}
			})
		})
	}
}

// TestUpdateCreates holds that a change gets nil for a key that does not exist, and that
// the value is forgotten after its time to live.
func TestUpdateCreates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statetest.Store{}
		_, err := state.Update(t.Context(), s, "k", time.Minute, func(value []byte) ([]byte, error) {
			if value != nil {
				t.Errorf("the change gets %q; want nil", value)
			}
			return []byte("a"), nil
		})
		if err != nil || string(s.Value("k")) != "a" {
			t.Errorf("Update = %v; the value is %q", err, s.Value("k"))
		}
		<-time.After(time.Minute)
		if s.Value("k") != nil {
			t.Error("the value outlives its time to live")
		}
	})
}
