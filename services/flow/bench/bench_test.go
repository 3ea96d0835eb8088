package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
	"daca/services/internal/stack"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	for delivery, want := range map[string]string{
		`{"id":"1","data":{"user_id":"alice"}}`: `{"status":"SUCCESS"}`,
		`{"entries":[{"entryId":"a-1","event":"e30="},{"entryId":"b-2","event":"e30="}],"id":"7"}`: `{"statuses":[` +
			`{"entryId":"a-1","status":"SUCCESS"},{"entryId":"b-2","status":"SUCCESS"}]}`,
	} {
		if got := string(accept([]byte(delivery))); got != want {
			t.Errorf("%s is answered %s; want %s", delivery, got, want)
		}
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	if got := (sample{3, 1, 2}).median(); got != 2 {
		t.Errorf("the median of 3, 1, 2 is %v", got)
	}
	if got := (sample{4, 1, 2, 3}).median(); got != 2.5 {
		t.Errorf("the median of 4, 1, 2, 3 is %v", got)
	}
	if diff := cmp.Diff(sample{2, 0.5}, sample{4, 3}.over(sample{2, 6})); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
	if got := (sample{30, 10, 20}).String(); got != "20.0 (10.0 to 30.0)" {
		t.Errorf("it is shown as %s", got)
	}
}

func TestFiguresSayWhatTheyReach(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{1: "BELOW THE FLOOR", 1.2: "floor", 2: "aim"} {
		if got := (figure{Value: value, Floor: 1.2, Aim: 2, Better: higher}).verdict(); got != want {
			t.Errorf("%v of 1.2 and 2 is %s; want %s", value, got, want)
		}
	}
	if got := (figure{Value: 1, Better: higher}).verdict(); got != "–" {
		t.Errorf("without a floor, it is %s", got)
	}
	for value, want := range map[float64]string{1.6: "BELOW THE FLOOR", 1.5: "floor", 1.1: "aim"} {
		if got := (figure{Value: value, Floor: 1.5, Aim: 1.1, Better: lower}).verdict(); got != want {
			t.Errorf("%v of at most 1.5 and 1.1 is %s; want %s", value, got, want)
		}
	}
}

func TestFiguresAreWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bin", "bench.json")
	figures := []figure{figure{"speed", 0, 1.2, 2, higher, ratio, nil}.of(sample{1.5})}
	if err := write(path, figures); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"figure": "speed", "value": 1.5, "floor": 1.2, "aim": 2, "better": "higher", "unit": "ratio"}]`
	if got := strings.Join(strings.Fields(string(text)), " "); strings.ReplaceAll(got, " ", "") !=
		strings.ReplaceAll(want, " ", "") {
		t.Errorf("it has %s; want %s", got, want)
	}
	again, err := read(path)
	if diff := cmp.Diff(figures, again, cmpopts.IgnoreUnexported(figure{})); err != nil || diff != "" {
		t.Errorf("reading it: %v (-want +got):\n%s", err, diff)
	}
}

func TestWorkload(t *testing.T) {
	t.Parallel()
	w := newWorkload(1000, inTurn("user", 50))
	total := 0
	for _, n := range w.counts {
		total += n
	}
	if len(w.events) != 1000 || len(w.counts) != 50 || total != 1000-1000/copyEvery {
		t.Errorf("%d events of %d users count as %d", len(w.events), len(w.counts), total)
	}
	if w.events[copyEvery-1] != w.events[copyEvery-2] {
		t.Error("there is no copy")
	}
	skewed := newWorkload(10_000, zipf("user", zipfExponent, zipfUsers))
	if first := skewed.counts["user-0"]; first < 500 || first > 3000 || len(skewed.counts) < 1000 {
		t.Errorf("the first of %d users has %d of 10,000 events", len(skewed.counts), first)
	}
}

// TestRaw holds that the comparison without Dapr counts exactly, and that a run which
// does not is void.
func TestRaw(t *testing.T) {
	t.Parallel()
	server := stack.NewEmbeddedRedis()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(t.Context()) })
	s := &subscriber{name: "raw", group: rawGroup, counted: map[string]int{}}
	s.client = redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = s.client.Close() })
	s.count = func(ctx context.Context, user string) (int, error) { return s.client.Get(ctx, rawCount(user)).Int() }
	w := newWorkload(1000, inTurn("user", 7))
	if err := w.publish(t.Context(), s.client, rawGroup); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumeRaw(ctx, server.Addr()) }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		pending, err := s.client.XPending(t.Context(), contract.TopicMessages, rawGroup).Result()
		groups := s.client.XInfoGroups(t.Context(), contract.TopicMessages).Val()
		last := s.client.XRevRangeN(t.Context(), contract.TopicMessages, "+", "-", 1).Val()
		if err == nil && pending.Count == 0 && groups[0].LastDeliveredID == last[0].ID {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not count: %v, %v", groups, err)
		}
		if err := pause(t.Context(), pollInterval); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.verify(t.Context(), w.counts); err != nil {
		t.Error(err)
	}
	s.counted = map[string]int{"user-3": 1}
	want := fmt.Sprintf("the run is void: user-3 was counted %d times, want %d", w.counts["user-3"], w.counts["user-3"]+1)
	if err := s.verify(t.Context(), w.counts); err == nil || err.Error() != want {
		t.Errorf("after a wrong count: %v; want %s", err, want)
	}
}

func TestCPUTime(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("CPU time is read from /proc")
	}
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const long = 100 * time.Millisecond
	x := 0.0
	for begin := time.Now(); time.Since(begin) < long; {
		x = math.Sqrt(x + 1)
	}
	after, err := cpuTime(os.Getpid())
	if used := after - before; err != nil || used < long/5 {
		t.Errorf("a loop of %s used %s of CPU, %v", long, used, err)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	run := func(value float64) []figure {
		return []figure{{Figure: "speed", Value: value, Unit: ratio, Better: higher}}
	}
	got := differences("abc123", [][]figure{run(1), run(3)}, [][]figure{run(3), run(3)})
	if !strings.Contains(got, "2.00 (1.00 to 3.00)") || !strings.Contains(got, "+50%") {
		t.Errorf("the comparison is\n%s", got)
	}
}

// TestOnlyNamesAPhase holds that a name with a typo is not taken for a bench of nothing,
// and that both sides of a comparison measure the same phase.
func TestOnlyNamesAPhase(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), []string{"bench", "-only", "delivry"}, t.Output())
	if err == nil || !strings.Contains(err.Error(), `no phase "delivry"`) {
		t.Errorf("run = %v", err)
	}
	if args := (settings{only: "chat"}).half(); !slices.Contains(args, "-only=chat") {
		t.Errorf("a comparison measures with %q", args)
	}
}
