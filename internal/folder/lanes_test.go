package folder_test

import (
	"slices"
	"testing"

	"github.com/aliiot/aliiot/internal/disk/disktest"
	"github.com/aliiot/aliiot/internal/folder"
)

func TestLaneNamesAreReadAsWritten(t *testing.T) {
	d := disktest.New()
	if names, err := folder.LaneNames(d.FS()); err != nil || len(names) != 0 {
		t.Errorf("an empty folder has the lanes %q, %v", names, err)
	}
	want := []string{"default", "a \"quoted\" <one>", "报警", "tab\t\\"}
	if err := folder.SaveLaneNames(d.FS(), want); err != nil {
		t.Fatal(err)
	}
	if names, err := folder.LaneNames(d.FS()); err != nil || !slices.Equal(names, want) {
		t.Errorf("read %q, %v; written %q", names, err, want)
	}
}

// The names say which class a frame belongs to: a guess would put reports into
// lanes that they are not of.
func TestLaneNamesAreNotGuessed(t *testing.T) {
	for _, text := range []string{"", "null", `["a"`, `["a",1]`, `{"a":1}`, `["a"]x`} {
		d := disktest.New()
		d.Put("lanes.json", []byte(text))
		if names, err := folder.LaneNames(d.FS()); err == nil {
			t.Errorf("%q was read as %q", text, names)
		}
	}
}
