package fastapi

import (
	_ "embed"
	"html"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

// docsPage is what /docs shows, with "{title}" for the title of the API. It is no template
// of Go: to run one, the linker has to keep the methods of all types of the program, which
// are a fifth of it.
//
//go:embed docs.html
var docsPage string

// serveDocs answers /docs with Swagger UI, which is embedded: it loads nothing
// from other hosts.
func (a *API) serveDocs() {
	page := []byte(strings.ReplaceAll(docsPage, "{title}", html.EscapeString(a.opts.Title)))
	show := func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", page) }
	files := http.StripPrefix("/docs", statigz.FileServer(static.FS))
	a.Engine.GET("/docs", show)
	a.Engine.GET("/docs/*asset", func(c *gin.Context) {
		if c.Param("asset") == "/" {
			show(c)
			return
		}
		files.ServeHTTP(c.Writer, c.Request)
	})
}
