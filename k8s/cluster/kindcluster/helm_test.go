package kindcluster

import (
	"testing"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
)

func TestInterruption(t *testing.T) {
	t.Parallel()
	pending := &releasev1.Release{Info: &releasev1.Info{Status: common.StatusPendingUpgrade}}
	for _, test := range []struct {
		found any
		want  common.Status
	}{
		{pending, common.StatusPendingUpgrade},
		{(*releasev1.Release)(nil), common.StatusUnknown},
		{nil, common.StatusUnknown},
	} {
		if got := interruption(test.found); got != test.want {
			t.Errorf("%v is %s, want %s", test.found, got, test.want)
		}
	}
}
