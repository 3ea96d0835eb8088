package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// spool is the file of the events that wait to be published. An event that Add has
// accepted survives a crash of the process and of the machine. Only one process
// can have the file open.
//
// The bucket "topics" has a bucket for each topic, and in it the records by number,
// eight bytes, ascending. The bucket "damaged" has what could not be read as a record.
type spool struct {
	db       *bbolt.DB
	maxBytes int64

	mu     sync.Mutex
	bytes  int64          // of all records, and of those that Add is writing
	events map[string]int // by topic
}

// record is one event of the spool:
//
//	{"at": 1767355200123, "event": {"specversion": "1.0", "id": "0f0bd9ec-…", "source": "chat-service", …}}
//
// One whose id and time are not agreed yet names the key under which they are:
//
//	{"at": 1767355200123, "claim": "%_idempotency-9f86d081…", "event": {…}}
type record struct {
	At    int64           `json:"at"` // when it was spooled, in Unix milliseconds
	Claim string          `json:"claim,omitempty"`
	Event json.RawMessage `json:"event"`

	number uint64 // in the bucket of its topic
}

// eventID returns the id of the event, or "" if it has none.
func (r *record) eventID() string {
	var event struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(r.Event, &event) // without an id it is empty
	return event.ID
}

// errSpoolFull says that the spool has as much as SPOOL_MAX_BYTES allows.
var errSpoolFull = errors.New("the spool is full (SPOOL_MAX_BYTES)")

func topicsBucket() []byte  { return []byte("topics") }
func damagedBucket() []byte { return []byte("damaged") }

func recordKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// Close closes the file.
func (s *spool) Close() error { return s.db.Close() }

// Add appends the record to those of the topic and returns when it is on disk.
func (s *spool) Add(topic string, r record) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a spooled event: %w", err)
	}
	if !s.reserve(len(value)) {
		return errSpoolFull
	}
	err = s.db.Batch(func(tx *bbolt.Tx) error { return put(tx, topic, value) })
	if err != nil {
		s.account(topic, 0, -len(value))
		return fmt.Errorf("writing to the spool %s: %w", s.db.Path(), err)
	}
	s.account(topic, 1, 0)
	return nil
}

// put appends the value to the records of the topic.
func put(tx *bbolt.Tx, topic string, value []byte) error {
	bucket, err := tx.Bucket(topicsBucket()).CreateBucketIfNotExists([]byte(topic))
	if err != nil {
		return err
	}
	bucket.FillPercent = 0.95 // records are appended, so that nothing is ever inserted into a page
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return bucket.Put(recordKey(number), value)
}

// reserve accounts for n bytes, unless they are too many.
func (s *spool) reserve(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+int64(n) > s.maxBytes {
		return false
	}
	s.bytes += int64(n)
	return true
}

func (s *spool) account(topic string, events, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[topic] += events
	s.bytes += int64(bytes)
}

// After returns up to n records of the topic whose numbers are above number, the
// oldest first, and the numbers of those that cannot be read.
func (s *spool) After(topic string, number uint64, n int) (found []record, damaged []uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(topicsBucket()).Bucket([]byte(topic))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		k, v := cursor.Seek(recordKey(number + 1))
		for ; k != nil && len(found)+len(damaged) < n; k, v = cursor.Next() {
			r, err := decodeRecord(v)
			r.number = binary.BigEndian.Uint64(k)
			if err != nil {
				damaged = append(damaged, r.number)
				continue
			}
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the spool %s: %w", s.db.Path(), err)
	}
	return found, damaged, nil
}

func decodeRecord(value []byte) (record, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return record{}, fmt.Errorf("decoding a spooled event: %w", err)
	}
	if len(r.Event) == 0 || r.Event[0] != '{' {
		return record{}, errors.New("decoding a spooled event: there is no event")
	}
	return r, nil
}

// Remove removes the records of the topic with these numbers, in one transaction.
func (s *spool) Remove(topic string, numbers []uint64) error {
	return s.take(topic, numbers, func(*bbolt.Tx, []byte) error { return nil })
}

// SetAside moves records that cannot be read to the bucket of the damaged ones.
func (s *spool) SetAside(topic string, numbers []uint64) error {
	return s.take(topic, numbers, keepDamaged)
}

func keepDamaged(tx *bbolt.Tx, value []byte) error {
	bucket := tx.Bucket(damagedBucket())
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return bucket.Put(recordKey(number), value)
}

// take removes records and hands the value of each to keep.
func (s *spool) take(topic string, numbers []uint64, keep func(*bbolt.Tx, []byte) error) error {
	events := 0
	bytes := 0
	err := s.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(topicsBucket()).Bucket([]byte(topic))
		for _, number := range numbers {
			value := bucket.Get(recordKey(number))
			if value == nil {
				continue
			}
			events++
			bytes += len(value)
			if err := keep(tx, append([]byte(nil), value...)); err != nil {
				return err
			}
			if err := bucket.Delete(recordKey(number)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing from the spool %s: %w", s.db.Path(), err)
	}
	s.account(topic, -events, -bytes)
	return nil
}

// Len returns how many events of the topic wait.
func (s *spool) Len(topic string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[topic]
}

// Bytes returns the size of the events of all topics.
func (s *spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Age returns for how long the oldest event of the topic has waited, or 0 if none
// waits or the oldest cannot be read.
func (s *spool) Age(topic string) time.Duration {
	found, _, err := s.After(topic, 0, 1)
	if err != nil || len(found) == 0 {
		return 0
	}
	return max(0, time.Since(time.UnixMilli(found[0].At)))
}

// Damaged returns how many records were set aside because they cannot be read.
func (s *spool) Damaged() int {
	n := 0
	_ = s.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(damagedBucket()).Stats().KeyN
		return nil
	})
	return n
}
