package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"daca/services/internal/contract"
)

// Limits of the dead letters.
const (
	maxLetters     = 1000
	maxLetterBytes = 32 << 10 // of one event; of a larger one only the description is kept
	maxStoredBytes = 1 << 20  // of the list as it is stored
	maxTopicBytes  = 256
	maxReasonBytes = 500
)

// letter is one event that can never be counted. The list of them is the value
// under contract.DeadLettersKey, and the answer of GET /deadletters:
//
//	[{
//	  "id": "1d51e41f6bd8ae0d",
//	  "topic": "messages",
//	  "received_at": "2026-01-02T12:00:00Z",
//	  "reason": "data: event_type is \"Other\"; expected \"MessageSent\"",
//	  "size": 172,
//	  "event": {"specversion": "1.0", "id": "1", "source": "chat-service", …}
//	}]
type letter struct {
	ID         string          `json:"id" doc:"Digest of the event: copies of it are one letter."`
	Topic      string          `json:"topic" doc:"Where the event had been published; empty if that cannot be told."`
	ReceivedAt time.Time       `json:"received_at"`
	Reason     string          `json:"reason" doc:"Why the event cannot be counted."`
	Size       int             `json:"size" doc:"Of the event, in bytes."`
	Event      json.RawMessage `json:"event,omitempty" doc:"The event, if it is JSON and not too large."`
	Raw        []byte          `json:"raw,omitempty" doc:"The event in base64, if it is not JSON and not too large."`
}

// describe returns the letter of an event. Topic and reason are empty if they have
// to be found out.
func describe(published []byte, topic, reason string, now time.Time) letter {
	sum := sha256.Sum256(published)
	l := letter{
		ID: hex.EncodeToString(sum[:8]), Topic: topic, Reason: reason,
		ReceivedAt: now.UTC().Truncate(time.Millisecond), Size: len(published),
	}
	valid := jsontext.Value(published).IsValid()
	if len(published) <= maxLetterBytes {
		if valid {
			l.Event = slices.Clone(published)
		} else {
			l.Raw = slices.Clone(published)
		}
	}
	if l.Topic == "" && valid {
		var origin struct {
			Topic string `json:"topic"`
		}
		_ = json.Unmarshal(published, &origin)
		l.Topic = contract.Shorten(origin.Topic, maxTopicBytes)
	}
	if l.Reason == "" {
		l.Reason = "nothing is wrong with the event itself: the sidecar could not deliver it"
		if _, err := contract.DecodeCloudEvent(published, l.eventType()); err != nil {
			l.Reason = err.Error()
		}
	}
	l.Reason = contract.Shorten(l.Reason, maxReasonBytes)
	return l
}

// eventType is the type of the events of the letter's topic.
func (l letter) eventType() contract.EventType {
	if l.Topic == contract.TopicUsers {
		return contract.UserRegistered
	}
	return contract.MessageSent
}

// decode returns the event of the letter. It fails if the letter has none that could
// be counted.
func (l letter) decode() (contract.Event, error) {
	switch {
	case l.Topic != contract.TopicMessages && l.Topic != contract.TopicUsers:
		return contract.Event{}, errors.New("it names no topic of this service")
	case l.Raw != nil:
		return contract.Event{}, errors.New("it is not JSON")
	case l.Event == nil:
		return contract.Event{}, errors.New("it is too large to be kept")
	}
	return contract.DecodeCloudEvent(l.Event, l.eventType())
}
