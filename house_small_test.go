package aliiot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// What our own packages do without in a device, where examples/minimal/size.txt
// leaves no room for it. The figures are for arm.
var heavy = map[string]string{
	"slices.SortFunc":         "each type that is sorted by it is 12 KB: sort.Slice",
	"slices.SortStableFunc":   "each type that is sorted by it is 12 KB: sort.SliceStable",
	"slices.SortedFunc":       "each type that is sorted by it is 12 KB: sort.Slice",
	"slices.SortedStableFunc": "each type that is sorted by it is 12 KB: sort.SliceStable",
	"json.Unmarshal":          "the decoder, and all that it may call, is 80 KB: alink.Members, alink.Elements",
	"json.NewDecoder":         "the decoder, and all that it may call, is 80 KB: alink.Members, alink.Elements",
	"binary.Read":             "it decodes by reflection",
	"binary.Write":            "it encodes by reflection",
}

// Functions of these packages that only a platform or a tool calls: the linker
// leaves them out of a device.
var notInDevices = map[string]bool{
	"alink.ParseNTPRequest": true,
	"audit.Each":            true,
}

// Packages that no device links: by a method that is looked up by its name, or by
// their own weight.
var heavyPackages = map[string]string{
	"text/template":          "it calls methods by name: the linker then keeps every exported method of every type",
	"html/template":          "it calls methods by name: the linker then keeps every exported method of every type",
	"encoding/gob":           "reflection, 200 KB",
	"encoding/xml":           "reflection, 150 KB",
	"github.com/spf13/cobra": "a device has no command line",
}

func TestHouseDeviceIsSmall(t *testing.T) {
	met := map[string]bool{}
	for _, p := range listPackages(t) {
		if p.name() != "examples/minimal" {
			continue
		}
		for _, dep := range p.Deps {
			if why, is := heavyPackages[dep]; is {
				t.Errorf("examples/minimal links %s: %s", dep, why)
			}
			if name, mine := ours(dep); mine {
				for _, found := range heavyCalls(t, filepath.FromSlash("./"+name)) {
					if notInDevices[found.in] {
						met[found.in] = true
						continue
					}
					t.Errorf("%s: %s in %s: %s", found.at, found.call, found.in, heavy[found.call])
				}
			}
		}
	}
	for name := range notInDevices {
		if !met[name] {
			t.Errorf("%s calls nothing heavy: is the row still true?", name)
		}
	}
}

type heavyCall struct{ at, in, call string }

// heavyCalls are the mentions of what is heavy in the product files of a folder.
func heavyCalls(t *testing.T, dir string) []heavyCall {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all []heavyCall
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			in := file.Name.Name
			if f, ok := decl.(*ast.FuncDecl); ok {
				in += "." + f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && heavy[x.Name+"."+sel.Sel.Name] != "" {
					all = append(all, heavyCall{files.Position(n.Pos()).String(), in, x.Name + "." + sel.Sel.Name})
				}
				return true
			})
		}
	}
	return all
}
