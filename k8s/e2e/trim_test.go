//go:build e2e

package e2e

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// trimJob is the CronJob that trims the streams.
const trimJob = "daca-redis-trim"

// trimming runs the job that trims the streams now. It has to remove what all groups have
// acknowledged, and nothing that one of them has not read yet. The schedule is suspended
// meanwhile, so that no other job removes entries, or the logs of these jobs.
func trimming(s *installation) {
	s.suspend(true)
	s.redis("XGROUP", "CREATE", "messages", "e2e", "$", "MKSTREAM")
	for i := range 3 {
		s.say("trimmed", fmt.Sprintf("message %d", i))
	}
	s.counted()
	s.acknowledged("messages")

	s.Log("what one group has not read stays")
	if out := s.runJob("trim-for-a-group"); !strings.Contains(out, " 3 left for the group e2e") {
		s.Errorf("the job prints\n%s", out)
	}
	if n := s.redis("XLEN", "messages"); n != "3" {
		s.Errorf("the stream has %s entries; want the 3 that the group has not read", n)
	}

	s.Log("what all have acknowledged goes")
	s.redis("XGROUP", "DESTROY", "messages", "e2e")
	if out := s.runJob("trim-for-nobody"); !strings.Contains(out, "messages: 3 entries removed, none left") {
		s.Errorf("the job prints\n%s", out)
	}
	if n := s.redis("XLEN", "messages"); n != "0" {
		s.Errorf("the stream still has %s entries", n)
	}
	s.say("trimmed", "after it")
	s.counted()
	s.suspend(false)
}

// suspend stops the schedule of the CronJob, and waits for the jobs that it has started, or
// lets it go on.
func (s *installation) suspend(suspended bool) {
	s.Helper()
	s.run("kubectl", "patch", "cronjob", trimJob, "--patch", fmt.Sprintf(`{"spec":{"suspend":%t}}`, suspended))
	if !suspended {
		return
	}
	s.eventually(func() error {
		found, err := s.client.BatchV1().CronJobs(s.namespace).Get(s.Context(), trimJob, metav1.GetOptions{})
		if err == nil && len(found.Status.Active) > 0 {
			err = fmt.Errorf("%d jobs of %s still run", len(found.Status.Active), trimJob)
		}
		return err
	})
}

// runJob runs a job of the CronJob now, and returns what it prints.
func (s *installation) runJob(name string) string {
	s.Helper()
	s.run("kubectl", "create", "job", name, "--from=cronjob/"+trimJob)
	s.eventually(func() error {
		job, err := s.client.BatchV1().Jobs(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
		switch {
		case err != nil:
			return err
		case job.Status.Failed > 0:
			s.Fatalf("the job %s fails:\n%s", name, s.run("kubectl", "logs", "job/"+name))
		case job.Status.Succeeded == 0:
			return fmt.Errorf("the job %s has not ended", name)
		}
		return nil
	})
	return s.run("kubectl", "logs", "job/"+name)
}

// redis runs a command of Redis, and returns what it answers.
func (s *installation) redis(args ...string) string {
	s.Helper()
	exec := []string{"exec", "--namespace", s.namespace, "daca-redis-0", "--", "redis-cli", "-e"}
	out, err := s.command(s.Context(), "kubectl", append(exec, args...)...)
	if err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// acknowledged waits until no group of the stream has entries that it has read and not
// acknowledged: a sidecar does that after the count.
func (s *installation) acknowledged(stream string) {
	s.Helper()
	s.eventually(func() error {
		// A line with the name of each field, and one with its value.
		lines := strings.Split(s.redis("XINFO", "GROUPS", stream), "\n")
		for i, name := range lines[:len(lines)-1] {
			if name == "pending" && lines[i+1] != "0" {
				return fmt.Errorf("%s events of %s are not acknowledged", lines[i+1], stream)
			}
		}
		return nil
	})
}
