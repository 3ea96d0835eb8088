package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"daca/services/internal/contract"
)

// BenchmarkDelivery reports what one event of a batch costs the service itself, with
// a store in memory.
func BenchmarkDelivery(b *testing.B) {
	const size = 250
	for name, users := range map[string]int{"hot": 1, "50 users": 50, "all others": size} {
		b.Run(name, func(b *testing.B) {
			s := newService(b)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				payloads := make([]string, size)
				for i := range payloads {
					n++
					event, _ := contract.Event{
						ID: fmt.Sprint("0f0bd9ec-8a3c-5a0e-8f5a-", n), Time: time.Now(),
						Type: contract.MessageSent, UserID: contract.UserID(fmt.Sprint("user-", n%users)),
					}.Encode()
					payloads[i] = string(event)
				}
				body := bulk(payloads...)
				b.StartTimer()
				rec := httptest.NewRecorder()
				req := httptest.NewRequest(http.MethodPost, "/messages", strings.NewReader(body))
				req.Header.Set("Content-Type", "application/json")
				s.ServeHTTP(rec, req)
				if rec.Code != 200 {
					b.Fatal(rec.Code, rec.Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/event")
		})
	}
}
