package main

import (
	"time"

	"daca/services/internal/state"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds what this process has just written or read, so that it need not read
// it again. It is never the truth: a document from it is written only if the store
// still has the ETag that belongs to it. A cache is not for concurrent use.
//
// Dapr does not say which ETag a write leads to. Stores that number their versions
// take the next number, and a cache for another one gives no documents. If such guesses
// turn out to be wrong, because the store does something else or another replica writes
// the same documents, the cache gives no documents for a while, which becomes longer each
// time.
type cache struct {
	documents *sized[cachedDocument]
	segments  *sized[*idSet]                  // by name
	merges    *simplelru.LRU[string, segment] // that are stored, by the first and the last that they replace

	unnumbered bool // whether the store has used an ETag that is no number

	resume time.Time     // when it gives documents again
	rest   time.Duration // the last such while
}

type cachedDocument struct {
	doc     *document
	etag    string
	written time.Time
}

// Limits of the cache.
const (
	maxDocuments   = 16 << 20 // bytes, about
	maxSegments    = 24 << 20 // bytes, about
	maxMerges      = 100
	documentExpiry = 5 * time.Second
	minRest        = time.Second
	maxRest        = time.Minute
)

func newCache() cache {
	merges, _ := simplelru.NewLRU[string, segment](maxMerges, nil) // fails only for a limit below 1
	return cache{
		merges:    merges,
		documents: newSized(maxDocuments, func(d cachedDocument) int { return d.doc.size() }),
		segments:  newSized(maxSegments, (*idSet).size),
	}
}

// take removes and returns a document, and a guess of its ETag; nil if there is none.
func (c *cache) take(key string) (*document, string) {
	found, ok := c.documents.take(key)
	now := time.Now()
	if !ok || now.Sub(found.written) > documentExpiry || now.Before(c.resume) {
		return nil, ""
	}
	return found.doc, found.etag
}

// put adds a document that was written over the one with the ETag.
func (c *cache) put(key string, d *document, over string) {
	next, numbered := state.NextETag(over)
	if over != "" {
		c.unnumbered = !numbered
	}
	if c.unnumbered {
		return
	}
	c.documents.add(key, cachedDocument{doc: d, etag: next, written: time.Now()})
}

// judge learns from a write whether guessed ETags were right.
func (c *cache) judge(guessed, right bool) {
	switch {
	case !guessed:
	case right:
		c.rest = 0
	default:
		c.rest = min(max(2*c.rest, minRest), maxRest)
		c.resume = time.Now().Add(c.rest)
	}
}

// size is about how many bytes of memory the document takes.
func (d *document) size() int {
	const fixed = 200
	return fixed + 2*d.set().size() + 100*len(d.sealed)
}

// sized is a least-recently-used cache that limits the size of what it holds.
type sized[V any] struct {
	lru   *simplelru.LRU[string, weighed[V]]
	size  func(V) int
	total int
	limit int
}

// weighed is a value with the size that it had when it was added.
type weighed[V any] struct {
	value V
	size  int
}

func newSized[V any](limit int, size func(V) int) *sized[V] {
	s := &sized[V]{size: size, limit: limit}
	// It fails only for a limit below 1.
	s.lru, _ = simplelru.NewLRU(limit, func(_ string, w weighed[V]) { s.total -= w.size })
	return s
}

func (s *sized[V]) get(key string) (V, bool) {
	w, ok := s.lru.Get(key)
	return w.value, ok
}

func (s *sized[V]) take(key string) (V, bool) {
	w, ok := s.lru.Get(key)
	s.lru.Remove(key)
	return w.value, ok
}

func (s *sized[V]) add(key string, value V) {
	s.lru.Remove(key)
	w := weighed[V]{value, s.size(value)}
	s.lru.Add(key, w)
	s.total += w.size
	for s.total > s.limit && s.lru.Len() > 1 {
		s.lru.RemoveOldest()
	}
}
