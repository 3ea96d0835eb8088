// Command chat makes the calls of the chat service for a message, with the same
// libraries, and does nothing besides: it checks no input, keeps no event that the broker
// refuses, asks nothing twice, and logs and measures nothing. The benchmark compares the
// chat service with it, so that what it shows is the cost of all that.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/sashabaranov/go-openai"
	"golang.org/x/sync/errgroup"

	"daca/services/internal/contract"
)

const (
	instructions = "You are a helpful chatbot. Respond to user messages in a friendly and informative way. " +
		"If the user asks for the time, use the get_current_time tool. " +
		"The user has sent %d messages so far, so personalize your response accordingly."
	ttl          = "2592001" // seconds, as chat keeps a session
	connections  = 64        // to the model
	noParameters = `{"type":"object","properties":{}}`
)

func main() {
	runtime.GOMAXPROCS(1) // as serve.Main does
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare chat:", err)
		os.Exit(1)
	}
}

func run() error {
	dapr, err := client.NewClientWithAddressContext(context.Background(), "127.0.0.1:"+os.Getenv("DAPR_GRPC_PORT"))
	if err != nil {
		return err
	}
	defer dapr.Close()
	cfg := openai.DefaultConfig("")
	cfg.BaseURL = os.Getenv("OPENAI_BASE_URL")
	cfg.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	s := &service{dapr, openai.NewClientWithConfig(cfg), os.Getenv("ANALYTICS_APP_ID"), os.Getenv("OPENAI_MODEL")}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/healthz", ok)
	engine.GET("/readyz", ok)
	engine.POST("/chat/", s.chat)
	return engine.Run("127.0.0.1:" + os.Getenv("PORT"))
}

func ok(c *gin.Context) { c.Status(http.StatusOK) }

type service struct {
	dapr      client.Client
	model     *openai.Client
	analytics string // app id
	name      string // of the model
}

type message struct {
	UserID   string `json:"user_id"`
	Text     string `json:"text"`
	Metadata struct {
		SessionID string `json:"session_id"`
	} `json:"metadata"`
}

func (s *service) chat(c *gin.Context) {
	var said message
	if err := c.BindJSON(&said); err != nil {
		return
	}
	if said.Metadata.SessionID == "" {
		said.Metadata.SessionID = uuid.NewString()
	}
	reply, err := s.answer(c.Request.Context(), said)
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, gin.H{"user_id": said.UserID, "reply": reply, "metadata": said.Metadata})
}

func (s *service) answer(ctx context.Context, said message) (string, error) {
	session := "bare-" + said.UserID + "-" + said.Metadata.SessionID
	var count int
	var reading errgroup.Group
	reading.Go(func() (err error) { count, err = s.count(ctx, said.UserID); return err })
	reading.Go(func() error { _, err := s.dapr.GetState(ctx, contract.StateStore, session, nil); return err })
	if err := reading.Wait(); err != nil {
		return "", err
	}
	reply, err := s.ask(ctx, said.Text, count)
	if err != nil {
		return "", err
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	event, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": uuid.NewString(), "source": "bare", "type": "MessageSent", "time": now,
		"datacontenttype": "application/json",
		"data":            map[string]string{"event_type": "MessageSent", "user_id": said.UserID},
	})
	if err != nil {
		return "", err
	}
	turns, err := json.Marshal(map[string]any{
		"user_id": said.UserID, "session_id": said.Metadata.SessionID, "title": said.Text, "created": now, "updated": now,
		"turns": []map[string]string{{"user": said.Text, "assistant": reply, "time": now}},
	})
	if err != nil {
		return "", err
	}
	var writing errgroup.Group
	writing.Go(func() error {
		return s.dapr.PublishEvent(ctx, contract.PubSub, contract.TopicMessages, event,
			client.PublishEventWithContentType(contract.CloudEventsContentType))
	})
	writing.Go(func() error { return s.save(ctx, session, turns) })
	err = writing.Wait()
	// Nobody waits for the list of the user's sessions.
	go func() { _ = s.save(context.WithoutCancel(ctx), "bare-list-"+said.UserID, turns) }()
	return reply, err
}

func (s *service) count(ctx context.Context, user string) (int, error) {
	body, err := s.dapr.InvokeMethod(ctx, s.analytics, "analytics/"+user, http.MethodGet)
	if err != nil {
		return 0, err
	}
	var answer struct {
		MessageCount int `json:"message_count"`
	}
	err = json.Unmarshal(body, &answer)
	return answer.MessageCount, err
}

func (s *service) ask(ctx context.Context, text string, count int) (string, error) {
	answer, err := s.model.CreateChatCompletion(ctx, openai.ChatCompletionRequest{
		Model: s.name,
		Messages: []openai.ChatCompletionMessage{
			{Role: openai.ChatMessageRoleSystem, Content: fmt.Sprintf(instructions, count)},
			{Role: openai.ChatMessageRoleUser, Content: text},
		},
		Tools: []openai.Tool{{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
			Name: "get_current_time", Parameters: json.RawMessage(noParameters),
		}}},
	})
	if err != nil {
		return "", err
	}
	if len(answer.Choices) == 0 {
		return "", errors.New("the model gives no answer")
	}
	return answer.Choices[0].Message.Content, nil
}

func (s *service) save(ctx context.Context, key string, value []byte) error {
	return s.dapr.SaveState(ctx, contract.StateStore, key, value, map[string]string{"ttlInSeconds": ttl})
}
