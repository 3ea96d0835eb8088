package kindcluster

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestImagesOfRedisAreThoseOfTheCharts(t *testing.T) {
	t.Parallel()
	var values, kind struct {
		Redis struct {
			Image struct{ Repository, Tag string }
		}
	}
	for name, into := range map[string]any{"values.yaml": &values, "values-kind.yaml": &kind} {
		text, err := os.ReadFile("../../../charts/daca/" + name)
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if i := values.Redis.Image; redisPublished != "docker.io/library/"+i.Repository+":"+i.Tag {
		t.Errorf("charts/daca/values.yaml has %+v", i)
	}
	if i := kind.Redis.Image; redisInNode != "docker.io/"+i.Repository+":"+i.Tag {
		t.Errorf("charts/daca/values-kind.yaml has %+v", i)
	}
}
