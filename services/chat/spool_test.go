package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"daca/services/internal/contract"
)

// openReadOnly opens the file as a disk does that has become read-only: reading works
// and writing fails.
func openReadOnly(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		OpenFile: func(name string, _ int, mode os.FileMode) (*os.File, error) {
			return os.OpenFile(name, os.O_RDONLY, mode)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// filled makes a spool with n events and closes it.
func filled(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "spool.db")
	s := testSpool(t, path)
	s.db.MaxBatchDelay = 0
	s.db.NoSync = true
	for i := range n {
		event, err := messageOf("alice", i).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(contract.TopicMessages, record{At: 1, Event: event}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSpoolIsForOneProcess(t *testing.T) {
	t.Parallel()
	path := filled(t, 1)
	s := testSpool(t, path)
	defer func() { _ = s.Close() }()
	_, err := openSpool(path, testSpoolBytes, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "SPOOL_PATH") || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the second open = %v; want an error that says so and names SPOOL_PATH", err)
	}
	if s.corruptFiles() != 0 {
		t.Error("the file in use is set aside")
	}
}

func TestWhatIsNoFileIsNotSetAside(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	_, err := openSpool(path, testSpoolBytes, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("openSpool of a directory = %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestDamagedFilesAreSetAside(t *testing.T) {
	t.Parallel()
	page := os.Getpagesize()
	for name, damage := range map[string]func(file []byte) []byte{
		"text":              func([]byte) []byte { return bytes.Repeat([]byte("not a spool\n"), 5000) },
		"one line":          func([]byte) []byte { return []byte("not a spool\n") },
		"one page":          func(f []byte) []byte { return f[:page] },
		"a page and a half": func(f []byte) []byte { return f[:page*3/2] },
		"no end":            func(f []byte) []byte { return f[:len(f)/2] },
		"no meta pages":     func(f []byte) []byte { clear(f[:2*page]); return f },
		"pages of zeroes":   func(f []byte) []byte { clear(f[2*page:]); return f },
		"pages of ones":     func(f []byte) []byte { copy(f[2*page:], bytes.Repeat([]byte{0xff}, len(f))); return f },
		"headers of ones":   func(f []byte) []byte { return eachPage(f, func(p []byte) { copy(p, ones(16)) }) },
		"elements of ones":  func(f []byte) []byte { return eachPage(f, func(p []byte) { copy(p[16:], ones(64)) }) },
		"sizes too large":   func(f []byte) []byte { return eachPage(f, func(p []byte) { copy(p[24:], ones(3)) }) },
		"keys too short": func(f []byte) []byte {
			return eachPage(f, func(p []byte) {
				if p[8] == leafPage {
					p[24] = 7
				}
			})
		},
		"a page used twice": func(f []byte) []byte {
			return eachPage(f, func(p []byte) {
				if p[8] == branchPage {
					copy(p[40:48], p[24:32])
				}
			})
		},
		"a page number too big": func(f []byte) []byte { return eachPage(f, func(p []byte) { copy(p[24:32], ones(5)) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filled(t, 300)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := damage(whole)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := openSpool(path, testSpoolBytes, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if s.Len(contract.TopicMessages) != 0 || s.Add(contract.TopicMessages, record{Event: []byte("{}")}) != nil {
				t.Error("the new spool does not work")
			}
			files, _ := filepath.Glob(path + ".corrupt-*")
			if len(files) != 1 || s.corruptFiles() != 1 {
				t.Fatalf("set aside are %q", files)
			}
			if kept, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(kept, damaged) {
				t.Errorf("the file that was set aside has changed: %v", err)
			}
			if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), files[0]) {
				t.Errorf("the log does not name it: %s", &log)
			}
		})
	}
}

func ones(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }

// eachPage changes all pages but the two meta pages.
func eachPage(file []byte, change func(page []byte)) []byte {
	size := os.Getpagesize()
	for at := 2 * size; at+size <= len(file); at += size {
		change(file[at : at+size])
	}
	return file
}

// TestRandomDamageStopsNothing overwrites some bytes anywhere. Whether openSpool
// notices that or not, the spool that it returns can be read to its end, and written.
func TestRandomDamageStopsNothing(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(filled(t, 300))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 7))
		damaged := bytes.Clone(whole)
		for range 1 + random.IntN(8) {
			at := random.IntN(len(damaged) - 8)
			for i := range 1 + random.IntN(8) {
				damaged[at+i] = byte(random.IntN(256))
			}
		}
		path := filepath.Join(t.TempDir(), "spool.db")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := testSpool(t, path)
		s.db.NoSync = true
		for s.Len(contract.TopicMessages) > 0 {
			found, unreadable, err := s.After(contract.TopicMessages, 0, roundSize)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []uint64
			for _, r := range found {
				numbers = append(numbers, r.number)
			}
			err = errors.Join(s.SetAside(contract.TopicMessages, unreadable), s.Remove(contract.TopicMessages, numbers))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if err := s.Add(contract.TopicUsers, record{Event: []byte("{}")}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		_ = s.Close()
	}
}

// TestASpoolInUseIsNeverTakenForDamaged fills and empties a spool in all kinds of
// ways, as a crash leaves it, and opens it again.
func TestASpoolInUseIsNeverTakenForDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool.db")
	random := rand.New(rand.NewPCG(1, 2))
	want := 0
	for range 20 {
		s := testSpool(t, path)
		s.db.MaxBatchDelay = 0
		s.db.NoSync = true
		if s.Len(contract.TopicMessages) != want || s.corruptFiles() != 0 {
			t.Fatalf("%d events are left; want %d", s.Len(contract.TopicMessages), want)
		}
		for range random.IntN(200) {
			event := fmt.Sprintf(`{"id":%q}`, strings.Repeat("x", random.IntN(9000)))
			if err := s.Add(contract.TopicMessages, record{At: 1, Event: json.RawMessage(event)}); err != nil {
				t.Fatal(err)
			}
			want++
		}
		found, _, err := s.After(contract.TopicMessages, uint64(random.IntN(50)), random.IntN(want+1))
		if err != nil {
			t.Fatal(err)
		}
		var numbers []uint64
		for _, r := range found {
			numbers = append(numbers, r.number)
		}
		if err := s.Remove(contract.TopicMessages, numbers); err != nil {
			t.Fatal(err)
		}
		want -= len(numbers)
		_ = s.Close()
	}
}

// TestTheFormerLayoutIsRead opens a file of the layout with one bucket.
func TestTheFormerLayoutIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("events"))
		if err := errors.Join(err, bucket.SetSequence(9)); err != nil {
			return err
		}
		return errors.Join(
			bucket.Put(recordKey(1), []byte(`{"topic":"messages","event":{"id":"a"}}`)),
			bucket.Put(recordKey(2), []byte(`{"topic":"users","event":{"id":"b"}}`)),
			bucket.Put(recordKey(3), []byte(`what?`)),
			bucket.Put(recordKey(9), []byte(`{"topic":"messages","event":{"id":"c"}}`)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := testSpool(t, path)
		found, damaged, err := s.After(contract.TopicMessages, 0, 9)
		if err != nil || len(damaged) != 0 || len(found) != 2 ||
			string(found[0].Event) != `{"id":"a"}` || string(found[1].Event) != `{"id":"c"}` {
			t.Errorf("messages are %+v, %v, %v", found, damaged, err)
		}
		if s.Len(contract.TopicMessages) != 2 || s.Len(contract.TopicUsers) != 1 || s.Damaged() != 1 {
			t.Errorf("%d messages, %d registrations and %d damaged records; want 2, 1 and 1",
				s.Len(contract.TopicMessages), s.Len(contract.TopicUsers), s.Damaged())
		}
		_ = s.Close()
	}
}
