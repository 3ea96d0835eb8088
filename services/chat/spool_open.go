package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"daca/services/internal/contract"
)

const (
	// lockTimeout is how long openSpool waits for another process to close the file.
	lockTimeout   = time.Second
	corruptSuffix = ".corrupt-"
)

var errInUse = errors.New("another process has it open")

// openSpool opens the spool, or makes one. It renames a damaged file to
// <path>.corrupt-<time>, logs that as an error, and makes a new one. It fails if
// another process has the file open, or if the file cannot be opened or read.
func openSpool(path string, maxBytes int64, logger *slog.Logger) (*spool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the spool (SPOOL_PATH): %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			return openWhole(path, flag, mode, logger)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("opening the spool %s (SPOOL_PATH): %w", path, err)
	}
	s := &spool{db: db, maxBytes: maxBytes, events: map[string]int{contract.TopicMessages: 0, contract.TopicUsers: 0}}
	if err = db.View(prepared); err != nil { // opening costs no write if it is prepared
		err = db.Update(prepare)
	}
	if err == nil {
		err = db.View(s.count)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the spool %s (SPOOL_PATH): %w", path, err), db.Close())
	}
	return s, nil
}

// openWhole opens the file and locks it. Only who holds the lock can find damage, and
// set a file aside: a file that another process writes may look damaged.
func openWhole(path string, flag int, mode os.FileMode, logger *slog.Logger) (*os.File, error) {
	retry := time.NewTicker(lockTimeout / 20)
	defer retry.Stop()
	for deadline := time.Now().Add(lockTimeout); ; <-retry.C {
		file, err := os.OpenFile(path, flag, mode)
		if err != nil {
			return nil, err
		}
		switch err = lock(file, path); {
		case err == nil:
			file, err = wholeOrAside(file, path, logger)
			if file != nil || err != nil {
				return file, err
			}
		case !errors.Is(err, errInUse) || time.Now().After(deadline):
			return nil, errors.Join(err, file.Close())
		default:
			_ = file.Close()
		}
	}
}

// lock fails with errInUse if another process has the lock, or has just set the file
// aside.
func lock(file *os.File, path string) error {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errInUse
		}
		return fmt.Errorf("locking it: %w", err)
	}
	locked, err := file.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(path); err != nil || !os.SameFile(locked, named) {
		return errInUse
	}
	return nil
}

// wholeOrAside returns the file if it is whole. It sets a damaged one aside and
// returns nil.
func wholeOrAside(file *os.File, path string, logger *slog.Logger) (*os.File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("it is not a file"), file.Close())
	}
	damage := checkFile(file, info.Size())
	if damage == nil {
		return file, nil
	}
	if errors.As(damage, new(*os.PathError)) {
		return nil, errors.Join(damage, file.Close())
	}
	aside := path + corruptSuffix + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil {
		return nil, errors.Join(fmt.Errorf("it is damaged, and setting it aside fails: %w", err), file.Close())
	}
	logger.Error("the spool is damaged and set aside: its events are not published; a new one is used",
		"path", path, "aside", aside, "error", damage)
	return nil, file.Close()
}

// corruptFiles returns how many damaged files lie beside the spool.
func (s *spool) corruptFiles() int {
	files, _ := filepath.Glob(s.db.Path() + corruptSuffix + "*")
	return len(files)
}

func formerBucket() []byte { return []byte("events") }

// prepared returns an error if the file needs prepare.
func prepared(tx *bbolt.Tx) error {
	if tx.Bucket(topicsBucket()) == nil || tx.Bucket(damagedBucket()) == nil || tx.Bucket(formerBucket()) != nil {
		return errors.New("the file is new, or has the former layout")
	}
	return nil
}

// prepare makes the buckets, and moves the events of the former layout: one bucket for
// all topics, with records such as
//
//	{"topic": "messages", "event": {…}}
func prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{topicsBucket(), damagedBucket()} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	former := tx.Bucket(formerBucket())
	if former == nil {
		return nil
	}
	err := former.ForEach(func(_, value []byte) error {
		var old struct {
			Topic string          `json:"topic"`
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(value, &old); err != nil || old.Topic == "" || len(old.Event) == 0 {
			return keepDamaged(tx, append([]byte(nil), value...))
		}
		encoded, err := json.Marshal(record{At: time.Now().UnixMilli(), Event: old.Event})
		if err != nil {
			return err
		}
		return put(tx, old.Topic, encoded)
	})
	if err != nil {
		return err
	}
	return tx.DeleteBucket(formerBucket())
}

// count counts the events by topic, and their bytes.
func (s *spool) count(tx *bbolt.Tx) error {
	topics := tx.Bucket(topicsBucket())
	return topics.ForEachBucket(func(topic []byte) error {
		return topics.Bucket(topic).ForEach(func(_, value []byte) error {
			s.events[string(topic)]++
			s.bytes += int64(len(value))
			return nil
		})
	})
}

// Topics returns the topics of the suite, and others of which the file has events, in
// order.
func (s *spool) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.events))
}
