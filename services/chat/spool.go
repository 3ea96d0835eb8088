package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// spool is the file of the events that wait to be published. An event that Add has
// accepted survives a crash of the process and of the machine. Only one process
// can have the file open.
type spool struct {
	db *bbolt.DB
}

// spooled is one event of the spool, with its topic. It is stored under a sequence
// number:
//
//	{"topic": "messages", "event": {"specversion": "1.0", "id": "0f0bd9ec-…", "source": "chat-service", …}}
type spooled struct {
	Topic string          `json:"topic"`
	Event json.RawMessage `json:"event"`
}

func openSpool(path string) (*spool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the spool (SPOOL_PATH): %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("opening the spool %s (SPOOL_PATH), which no other process may have open: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(spoolBucket())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the spool %s: %w", path, err)
	}
	return &spool{db: db}, nil
}

func spoolBucket() []byte { return []byte("events") }

func (s *spool) Close() error { return s.db.Close() }

// Add appends the event and returns when it is on disk.
func (s *spool) Add(topic string, event []byte) error {
	value, err := json.Marshal(spooled{Topic: topic, Event: event})
	if err != nil {
		return fmt.Errorf("encoding a spooled event: %w", err)
	}
	err = s.db.Batch(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(spoolBucket())
		n, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		return bucket.Put(binary.BigEndian.AppendUint64(nil, n), value)
	})
	if err != nil {
		return fmt.Errorf("writing to the spool %s: %w", s.db.Path(), err)
	}
	return nil
}

// After returns the event that was added next after the one under the key, and the
// key of that event, or nil if there is none. After nil comes the oldest event.
func (s *spool) After(key []byte) (next []byte, event spooled, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(spoolBucket()).Cursor()
		k, v := cursor.Seek(key)
		if key != nil && bytes.Equal(k, key) {
			k, v = cursor.Next()
		}
		if k == nil {
			return nil
		}
		next = bytes.Clone(k)
		return json.Unmarshal(v, &event)
	})
	if err != nil {
		return nil, spooled{}, fmt.Errorf("reading the spool %s: %w", s.db.Path(), err)
	}
	return next, event, nil
}

// Remove removes the event under the key.
func (s *spool) Remove(key []byte) error {
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(spoolBucket()).Delete(key) })
	if err != nil {
		return fmt.Errorf("removing from the spool %s: %w", s.db.Path(), err)
	}
	return nil
}

// Len returns how many events wait.
func (s *spool) Len() int {
	n := 0
	_ = s.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(spoolBucket()).Stats().KeyN
		return nil
	})
	return n
}
