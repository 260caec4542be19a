package docs_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the reference takes from the sources: comments, constants, calls of the logger.

// markdown is a table that grows.
type markdown string

func table(heads ...string) markdown {
	return markdown("").row(heads...) + markdown(strings.Repeat("| --- ", len(heads))+"|\n")
}

func (m markdown) row(cells ...string) markdown {
	for _, c := range cells {
		m += "| " + markdown(strings.ReplaceAll(c, "|", `\|`)) + " "
	}
	return m + "|\n"
}

func quote(s string) string { return "`" + s + "`" }

// sources are the product files of a folder, in the order of their names.
func sources(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the sources of %s: %v, %v", dir, names, err)
	}
	files := token.NewFileSet()
	var all []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	return files, all
}

// prose is a comment on one line.
func prose(groups ...*ast.CommentGroup) string {
	var all []string
	for _, g := range groups {
		all = append(all, strings.Fields(g.Text())...)
	}
	return strings.Join(all, " ")
}

// fieldsTable is a struct's fields with their comments.
func fieldsTable(t *testing.T, dir, name string) string {
	t.Helper()
	files, all := sources(t, dir)
	for _, file := range all {
		o := file.Scope.Lookup(name)
		if o == nil {
			continue
		}
		b := table("field", "type", "what")
		for _, f := range o.Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			var kind strings.Builder
			if err := printer.Fprint(&kind, files, f.Type); err != nil {
				t.Fatal(err)
			}
			text := prose(f.Doc, f.Comment)
			if text == "" {
				t.Errorf("%s.%s has no comment: what is it, in what unit, with what default?", name, f.Names[0].Name)
			}
			var names []string
			for _, n := range f.Names {
				names = append(names, quote(n.Name))
			}
			b = b.row(strings.Join(names, ", "), quote(kind.String()), text)
		}
		return string(b)
	}
	t.Fatalf("%s has no type %s", dir, name)
	return ""
}

// errorsTable is the errors that a package exports: its Err… and its …Error.
func errorsTable(t *testing.T, dir, pkg string) string {
	t.Helper()
	type row struct{ name, text string }
	var rows []row
	_, all := sources(t, dir)
	for _, file := range all {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					if name := s.Names[0].Name; g.Tok == token.VAR && strings.HasPrefix(name, "Err") {
						text := prose(s.Doc)
						if text == "" && !g.Lparen.IsValid() {
							text = prose(g.Doc)
						}
						rows = append(rows, row{name, strings.TrimPrefix(text, name)})
					}
				case *ast.TypeSpec:
					if name := s.Name.Name; ast.IsExported(name) && strings.HasSuffix(name, "Error") {
						rows = append(rows, row{"*" + name, strings.TrimPrefix(prose(g.Doc, s.Doc), name)})
					}
				}
			}
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Compare(strings.TrimPrefix(a.name, "*"), strings.TrimPrefix(b.name, "*"))
	})
	b := table("error", "what it means, and what to do")
	for _, r := range rows {
		text := strings.TrimLeft(r.text, ": ")
		if text == "" {
			t.Errorf("%s.%s has no comment: what does it mean, what can the caller do?", pkg, r.name)
		}
		name := pkg + "." + r.name
		if typ, ok := strings.CutPrefix(r.name, "*"); ok {
			name = "*" + pkg + "." + typ
		}
		b = b.row(quote(name), text)
	}
	return string(b)
}

type constant struct{ name, value, text string }

// constants are those of a folder that want wants by name and type, with their
// comments.
func constants(t *testing.T, dir string, want func(name, kind string) bool) []constant {
	t.Helper()
	var found []constant
	_, all := sources(t, dir)
	for _, file := range all {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				kind, _ := v.Type.(*ast.Ident)
				if kind == nil {
					kind = ast.NewIdent("")
				}
				if !want(v.Names[0].Name, kind.Name) {
					continue
				}
				lit, ok := v.Values[0].(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s is no literal", v.Names[0].Name)
				}
				value := lit.Value
				if lit.Kind == token.STRING {
					value, _ = strconv.Unquote(value)
				}
				found = append(found, constant{v.Names[0].Name, value, strings.TrimPrefix(prose(v.Doc, v.Comment), v.Names[0].Name+": ")})
			}
		}
	}
	return found
}

func constsTable(t *testing.T, dir, kind string) string {
	b := table("kind", "constant", "what")
	for _, c := range constants(t, dir, func(_, k string) bool { return k == kind }) {
		if c.text == "" {
			t.Errorf("%s has no comment", c.name)
		}
		b = b.row(quote(c.value), quote(c.name), c.text)
	}
	return string(b)
}

type logLine struct {
	level, text string
	keys        []string
}

var levels = []string{"Error", "Warn", "Info", "Debug"}

// logLines are the calls of a logger in the packages that live in a device.
func logLines(t *testing.T) []logLine {
	t.Helper()
	var lines []logLine
	isLogger := regexp.MustCompile(`(?i)(^|\.)(log|logger)(\(\))?$`)
	err := fs.WalkDir(os.DirFS(".."), ".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case dir == ".":
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "test") ||
			slices.Contains([]string{"bin", "cmd", "emulator", "examples", "bench", "docs", "tools", "testdata", "faultproxy"}, name):
			return fs.SkipDir
		}
		if names, _ := filepath.Glob(filepath.Join("..", dir, "*.go")); len(names) == 0 {
			return nil
		}
		files, all := sources(t, dir)
		text := func(n ast.Node) string {
			var b strings.Builder
			if err := printer.Fprint(&b, files, n); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		for _, file := range all {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(levels, sel.Sel.Name) || !isLogger.MatchString(text(sel.X)) || len(call.Args) == 0 {
					return true
				}
				l := logLine{level: sel.Sel.Name, text: message(call.Args[0])}
				for i := 1; i < len(call.Args); i += 2 {
					key, ok := call.Args[i].(*ast.BasicLit)
					if !ok || key.Kind != token.STRING {
						t.Errorf("%s: a key that is no literal", files.Position(call.Args[i].Pos()))
						continue
					}
					k, _ := strconv.Unquote(key.Value)
					l.keys = append(l.keys, k)
				}
				lines = append(lines, l)
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(lines, func(a, b logLine) int {
		return cmp.Or(slices.Index(levels, a.level)-slices.Index(levels, b.level), cmp.Compare(a.text, b.text), slices.Compare(a.keys, b.keys))
	})
	return slices.CompactFunc(lines, func(a, b logLine) bool {
		return a.level == b.level && a.text == b.text && slices.Equal(a.keys, b.keys)
	})
}

// message is a message as far as it is written in the source.
func message(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return message(e.X) + message(e.Y)
	}
	return "…"
}

func logTable(t *testing.T) string {
	b := table("level", "message", "keys")
	for _, l := range logLines(t) {
		var keys []string
		for _, k := range l.keys {
			keys = append(keys, quote(k))
		}
		b = b.row(strings.ToLower(l.level), l.text, strings.Join(keys, ", "))
	}
	return string(b)
}
