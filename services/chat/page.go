package main

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/danielgtaylor/huma/v2/negotiation"
	"github.com/gin-gonic/gin"

	"daca/services/chat/page"
	"daca/services/internal/fastapi"
	"daca/services/internal/serve"
)

// offlineModel is the name of the model that comes with the suite.
const offlineModel = "offline"

// browser serves the page to browsers.
type browser struct {
	page   *page.Page
	config pageConfig
}

// pageConfig is what the page has to know of the installation, see src/api/service.ts.
type pageConfig struct {
	Version    string    `json:"version"`
	Model      pageModel `json:"model"`
	Replaces   bool      `json:"replaces"`   // whether a message may replace a turn
	Kubernetes bool      `json:"kubernetes"` // whether the service runs in a cluster
	// Cluster is absent where nobody has told the service what is around it.
	Cluster *pageCluster `json:"cluster,omitempty"`
}

// pageCluster is what the charts tell of where they have installed the suite. The page makes
// commands of it, and nothing else uses it:
//
//	{"namespace": "daca", "chat": "daca-chat:8000", "analytics": "daca-analytics:8001",
//	 "admin_secret": "daca-analytics-admin-token"}
type pageCluster struct {
	Namespace   string `json:"namespace" env:"CLUSTER_NAMESPACE"`
	Chat        string `json:"chat,omitempty" env:"CLUSTER_CHAT"`                 // Service and port
	Analytics   string `json:"analytics,omitempty" env:"CLUSTER_ANALYTICS"`       // Service and port
	AdminSecret string `json:"admin_secret,omitempty" env:"CLUSTER_ADMIN_SECRET"` // Secret with the operators' token
}

type pageModel struct {
	Name    string `json:"name"`
	Offline bool   `json:"offline"` // it is the one that comes with the suite
}

func newBrowser(cfg config, made *page.Page) *browser {
	// The offline model takes a query with its name, for tests.
	name, _, _ := strings.Cut(cmp.Or(cfg.OpenAIModel, openAIModel), "?")
	var cluster *pageCluster
	if cfg.Cluster.Namespace != "" {
		cluster = &cfg.Cluster
	}
	return &browser{page: made, config: pageConfig{
		Version:    serve.Version(),
		Model:      pageModel{Name: name, Offline: name == offlineModel},
		Replaces:   true,
		Kubernetes: cfg.KubernetesHost != "",
		Cluster:    cluster,
	}}
}

// register adds the files of the page to the API. They are not part of what it describes.
func (b *browser) register(api *fastapi.API) {
	api.Engine.GET("/page/config", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, b.config)
	})
	serveFile := func(c *gin.Context) {
		if !b.page.ServeFile(c.Writer, c.Request, c.Param("file")) {
			fastapi.Refuse(c, fastapi.NewError(http.StatusNotFound, "Not Found"))
		}
	}
	api.Engine.GET("/page/:file", serveFile)
	api.Engine.HEAD("/page/:file", serveFile)
}

// welcome answers / with the page if the client would rather have HTML than JSON, as
// browsers say. Everyone else gets the tutorials' answer.
func (b *browser) welcome(ctx huma.Context, next func(huma.Context)) {
	c := humagin.Unwrap(ctx)
	c.Header("Vary", "Accept")
	accepted := strings.Join(c.Request.Header.Values("Accept"), ",")
	if negotiation.SelectQValue(accepted, []string{"application/json", "text/html"}) == "text/html" {
		b.page.ServeIndex(c.Writer, c.Request)
		return
	}
	next(ctx)
}
