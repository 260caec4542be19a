package oracle_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aliiot/aliiot/bench/oracle"
)

// docs/json.md names every field of a recording.
func TestRecordsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## The oracle's records\n")
	if !ok {
		t.Fatal("docs/json.md has no section for them")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(section, func(r rune) bool { return strings.ContainsRune("`{}, |\n:;.()", r) }) {
		words[w] = true
	}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[oracle.Counts]() { // which is "The ledger"
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && !words[name] {
				t.Errorf("docs/json.md does not name %s of %v", name, typ)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[oracle.Recording]())
}
