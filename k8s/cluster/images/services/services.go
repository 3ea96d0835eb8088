// Package services makes the images of the services, without a container engine
// and without a registry.
package services

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Repository is what the charts have before the name of a service in the name of
// its image.
const Repository = "docker.io/daca/"

// Service is a program that runs in a container.
type Service struct {
	Name   string // of the image, of the chart's resources, and the app id
	Folder string // below services/
	Title  string
}

// All lists the services.
func All() []Service {
	return []Service{
		{"chat-service", "chat", "DACA chat service"},
		{"analytics-service", "analytics", "DACA analytics service"},
		{"model", "model", "DACA offline model"},
	}
}

// Tag returns the tag that the charts expect of the images: their appVersion.
func Tag(root string) (string, error) {
	path := filepath.Join(root, "charts", "daca", "Chart.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("looking up the version of the images: %w", err)
	}
	match := regexp.MustCompile(`(?m)^appVersion: "(.+)"$`).FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("looking up the version of the images: %s has no appVersion", path)
	}
	return string(match[1]), nil
}
