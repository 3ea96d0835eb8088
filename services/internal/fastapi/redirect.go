package fastapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

// redirectSlash answers a path without a route as FastAPI does: with a redirect if
// it would have one with a slash at the end, or without, and otherwise with a 404.
func redirectSlash(engine *gin.Engine) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.Request.URL.EscapedPath()
		other, slashed := strings.CutSuffix(path, "/")
		if !slashed {
			other = path + "/"
		}
		if !hasRoute(engine, other) {
			answer(http.StatusNotFound)(c)
			return
		}
		target := url.URL{RawQuery: c.Request.URL.RawQuery}
		c.Header("Location", other+target.String())
		c.AbortWithStatus(http.StatusTemporaryRedirect)
	}
}

// hasRoute reports whether a route of the engine, for any method, has the path.
func hasRoute(engine *gin.Engine, path string) bool {
	segments := strings.Split(path, "/")
	for _, route := range engine.Routes() {
		if matches(strings.Split(route.Path, "/"), segments) {
			return true
		}
	}
	return false
}

// matches reports whether the segments of a path fit those of a pattern of Gin. A
// parameter stands for one segment that is not empty. What fits only "*…" does not
// count: such a route has the path already.
func matches(pattern, path []string) bool {
	if len(pattern) != len(path) {
		return false
	}
	for i, segment := range pattern {
		switch {
		case strings.HasPrefix(segment, "*"):
			return false
		case strings.HasPrefix(segment, ":"):
			if path[i] == "" {
				return false
			}
		case segment != path[i]:
			return false
		}
	}
	return true
}
