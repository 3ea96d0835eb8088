// Command analytics makes the calls of the analytics service, with the same libraries, and
// does nothing besides: it knows no event again, counts for one replica only, and forgets
// at a restart how far it was. The benchmark compares the analytics service with it, so that
// what it shows is the cost of counting exactly.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/dapr/go-sdk/client"
	"github.com/gin-gonic/gin"

	"daca/services/internal/contract"
)

func main() {
	runtime.GOMAXPROCS(1) // as serve.Main does
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare analytics:", err)
		os.Exit(1)
	}
}

func run() error {
	dapr, err := client.NewClientWithAddressContext(context.Background(), "127.0.0.1:"+os.Getenv("DAPR_GRPC_PORT"))
	if err != nil {
		return err
	}
	defer dapr.Close()
	s := &service{dapr: dapr, counts: map[string]int{}}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/healthz", ok)
	engine.GET("/readyz", ok)
	engine.GET("/analytics/:user", s.get)
	for _, topic := range []string{contract.TopicMessages, contract.TopicUsers, contract.TopicDeadLetters} {
		engine.POST("/"+topic, s.deliver)
	}
	return engine.Run("127.0.0.1:" + os.Getenv("PORT"))
}

func ok(c *gin.Context) { c.Status(http.StatusOK) }

type service struct {
	dapr client.Client

	mu     sync.Mutex
	counts map[string]int
}

func (s *service) get(c *gin.Context) {
	item, err := s.dapr.GetState(c.Request.Context(), contract.StateStore, "bare-"+c.Param("user"), nil)
	if err != nil {
		c.String(http.StatusServiceUnavailable, err.Error())
		return
	}
	count, _ := strconv.Atoi(string(item.Value)) // 0 for a user that nobody knows
	c.JSON(http.StatusOK, gin.H{"message_count": count})
}

// delivery is what the sidecar sends of a bulk subscription to raw payloads.
type delivery struct {
	Entries []struct {
		EntryID string `json:"entryId"`
		Event   []byte `json:"event"`
	} `json:"entries"`
}

type status struct {
	EntryID string `json:"entryId"`
	Status  string `json:"status"`
}

func (s *service) deliver(c *gin.Context) {
	var batch delivery
	if err := c.BindJSON(&batch); err != nil {
		return
	}
	statuses := make([]status, 0, len(batch.Entries))
	var users []string
	for _, entry := range batch.Entries {
		var event struct {
			Data struct {
				UserID string `json:"user_id"`
			} `json:"data"`
		}
		if err := json.Unmarshal(entry.Event, &event); err == nil {
			users = append(users, event.Data.UserID)
		}
		statuses = append(statuses, status{entry.EntryID, "SUCCESS"})
	}
	if err := s.add(c.Request.Context(), users); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, gin.H{"statuses": statuses})
}

// add counts one message for each name in the list, and stores the counts together.
func (s *service) add(ctx context.Context, users []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := map[string]bool{}
	for _, user := range users {
		s.counts[user]++
		changed[user] = true
	}
	var items []*client.SetStateItem
	for user := range changed {
		items = append(items, &client.SetStateItem{Key: "bare-" + user, Value: []byte(strconv.Itoa(s.counts[user]))})
	}
	return s.dapr.SaveBulkState(ctx, contract.StateStore, items...)
}
