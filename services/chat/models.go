package main

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// The models that clients of OpenAI's API can choose.
const (
	agentModel = "daca"      // the agent: a message to it counts
	taskModel  = "daca-task" // the model alone, for titles and the like: nothing counts
)

// modelsCreated is when the models came into being, a Unix time. All replicas say the
// same.
const modelsCreated = 1_743_465_600

// modelList is the answer to GET /v1/models.
type modelList struct {
	Object string  `json:"object" enum:"list"`
	Data   []model `json:"data" nullable:"false"`
}

// model describes a model as OpenAI does.
type model struct {
	ID      string `json:"id" enum:"daca,daca-task"`
	Object  string `json:"object" enum:"model"`
	Created int64  `json:"created" doc:"A Unix time."`
	OwnedBy string `json:"owned_by" example:"daca"`
}

func newModel(id string) model { return model{id, "model", modelsCreated, "daca"} }

func (f *front) listModels(c *gin.Context) {
	answerJSON(c, http.StatusOK, modelList{"list", []model{newModel(agentModel), newModel(taskModel)}})
}

func (f *front) getModel(c *gin.Context) {
	id := c.Param("model")
	if !isModel(id) {
		unknownModel(id).refuse(c)
		return
	}
	answerJSON(c, http.StatusOK, newModel(id))
}

func isModel(id string) bool { return id == agentModel || id == taskModel }

// unknownModel returns the answer to a request for a model that does not exist.
func unknownModel(id string) *v1Error {
	e := newV1Error(http.StatusNotFound, "model",
		fmt.Sprintf("The model %.100q does not exist. The models are %s and %s.", id, agentModel, taskModel))
	e.code("model_not_found")
	return e
}
