package aliiot_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is how long a product file may be. One idea needs less.
const maxLines = 500

// home says where a library may be imported by product code, and why only there.
var homes = []struct {
	library, home, why string
	// exempt are the folders of programs that may name it too.
	exempt []string
}{
	{"github.com/eclipse/paho.mqtt.golang", "transport/paho.go", "no other file may see an MQTT client's types or habits", []string{"bench"}},
	{"github.com/looplab/fsm", "fsm/table.go", "it is a table of legal moves, never an engine that calls out", []string{"bench"}},
	{"github.com/asynkron/protoactor-go", "actors", "the tree is glue; the root and the examples name its public types for Spawn", []string{".", "bench", "examples"}},
	{"github.com/mochi-mqtt/server/v2", "emulator", "a broker has no place in a device", []string{"bench"}},
}

// skipped are the folders that are not the house's own text.
func skipped(name string) bool {
	return name == ".git" || name == "bin" || name == "node_modules" || name == "rapid"
}

// eachFile calls f with the path, from the root and with slashes, of each file.
func eachFile(t *testing.T, f func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular():
			f(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func eachGoFile(t *testing.T, mode parser.Mode, f func(name string, files *token.FileSet, file *ast.File)) {
	t.Helper()
	eachFile(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, mode)
		if err != nil {
			t.Error(err)
			return
		}
		f(name, files, file)
	})
}

func TestHouseLibrariesHaveOneHome(t *testing.T) {
	at := map[string]map[string]bool{}
	eachGoFile(t, parser.ImportsOnly, func(name string, _ *token.FileSet, file *ast.File) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			for _, h := range homes {
				if imported != h.library && !strings.HasPrefix(imported, h.library+"/") {
					continue
				}
				if within(name, h.home) {
					if at[h.library] == nil {
						at[h.library] = map[string]bool{}
					}
					at[h.library][name] = true
				} else if !exempt(name, h.exempt) {
					t.Errorf("%s imports %s, which is at home in %s only: %s", name, h.library, h.home, h.why)
				}
			}
		}
	})
	for _, h := range homes {
		if len(at[h.library]) == 0 {
			t.Errorf("%s is not imported in %s: is the row still true?", h.library, h.home)
		}
	}
}

func within(name, home string) bool { return name == home || strings.HasPrefix(name, home+"/") }

func exempt(name string, folders []string) bool {
	for _, folder := range folders {
		if within(name, folder) || folder == "." && path.Dir(name) == "." {
			return true
		}
	}
	return false
}

func TestHouseFilesAreShort(t *testing.T) {
	eachFile(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			return
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: it holds more than one idea", name, n, maxLines)
		}
	})
}

// The pure packages take the time as an argument.
func TestHousePureCodeHasNoClock(t *testing.T) {
	pure := []string{"fsm", "alink", "internal/outbox", "internal/backoff", "bench/oracle"}
	eachGoFile(t, 0, func(name string, files *token.FileSet, file *ast.File) {
		if strings.HasSuffix(name, "_test.go") || !exempt(name, pure) || strings.Contains(path.Dir(name), "test") {
			return
		}
		for _, f := range []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick"} {
			ast.Inspect(file, func(n ast.Node) bool {
				if isTimeCall(n, f) {
					t.Errorf("%s: time.%s in a package that gets its time as an argument", files.Position(n.Pos()), f)
				}
				return true
			})
		}
	})
}

func isTimeCall(n ast.Node, function string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != function {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && pkg.Name == "time"
}

// A test sleeps only in a synctest bubble, where sleeping costs nothing and is
// exact: in a function literal that is handed to something named after a bubble or
// to synctest.Test, or in a function or a file that says InBubble or _bubble_test.
func TestHouseTestsDoNotSleep(t *testing.T) {
	eachGoFile(t, 0, func(name string, files *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_bubble_test.go") {
			return
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && namesBubble(f.Name.Name) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && startsBubble(call) {
					return false
				}
				if isTimeCall(n, "Sleep") {
					t.Errorf("%s: a test sleeps outside of a synctest bubble", files.Position(n.Pos()))
				}
				return true
			})
		}
	})
}

func namesBubble(name string) bool { return strings.Contains(strings.ToLower(name), "bubble") }

func startsBubble(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return namesBubble(f.Name)
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name == "synctest" && f.Sel.Name == "Test" || namesBubble(f.Sel.Name)
	}
	return false
}
