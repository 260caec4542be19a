package disktest_test

import (
	"testing"

	"github.com/aliiot/aliiot/internal/disk"
	"github.com/aliiot/aliiot/internal/disk/disktest"
)

func TestFakeKeepsTheContract(t *testing.T) {
	disktest.Suite(t, func(*testing.T) disk.FS { return disktest.New().FS() })
}
