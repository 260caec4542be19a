package alink

import (
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"
)

// field is one member that a struct is written with.
type field struct {
	name      string
	key       []byte // `"name":`
	index     []int
	typ       reflect.Type
	tagged    bool
	quoted    bool
	omitEmpty bool
	omitZero  bool
	isZero    func(reflect.Value) bool
}

// of is the field of v, unless a nil embedded pointer is on the way.
func (f *field) of(v reflect.Value) (reflect.Value, bool) {
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v, true
}

// fieldCache is from reflect.Type to []field.
var fieldCache sync.Map

func fieldsOf(t reflect.Type) []field {
	if f, ok := fieldCache.Load(t); ok {
		return f.([]field)
	}
	f, _ := fieldCache.LoadOrStore(t, dominant(collect(t)))
	return f.([]field)
}

// level is a struct that waits to be looked into; twice tells that it was found
// more than once at its depth, so that its names cancel themselves out.
type level struct {
	typ   reflect.Type
	index []int
	twice bool
}

// collect walks t and its embedded structs by depth, as Go's own rules for
// promoted fields do.
func collect(t reflect.Type) (all []field) {
	visited := map[reflect.Type]bool{}
	for now := []level{{typ: t}}; len(now) > 0; {
		var next []level
		at := map[reflect.Type]int{}
		for _, l := range now {
			if visited[l.typ] {
				continue
			}
			visited[l.typ] = true
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				index := append(slices.Clone(l.index), i)
				f, embedded := readField(sf, index)
				switch {
				case f != nil:
					all = append(all, *f)
					if l.twice {
						all = append(all, *f)
					}
				case embedded != nil:
					if n, ok := at[embedded]; ok {
						next[n].twice = true
						continue
					}
					at[embedded] = len(next)
					next = append(next, level{typ: embedded, index: index})
				}
			}
		}
		now = next
	}
	return all
}

// readField is the member that sf stands for, or the struct whose members it
// brings, or neither.
func readField(sf reflect.StructField, index []int) (*field, reflect.Type) {
	t := sf.Type
	if t.Kind() == reflect.Pointer && (sf.Anonymous || t.Name() == "") {
		t = t.Elem()
	}
	if sf.Anonymous {
		if !sf.IsExported() && t.Kind() != reflect.Struct {
			return nil, nil
		}
	} else if !sf.IsExported() {
		return nil, nil
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return nil, nil
	}
	name, rest, _ := strings.Cut(tag, ",")
	if !validTag(name) {
		name = ""
	}
	options := strings.Split(rest, ",")
	if name == "" && sf.Anonymous && t.Kind() == reflect.Struct {
		return nil, t
	}
	f := field{
		name: name, index: index, typ: sf.Type, tagged: name != "",
		omitEmpty: slices.Contains(options, "omitempty"),
		omitZero:  slices.Contains(options, "omitzero"),
	}
	if name == "" {
		f.name = sf.Name
	}
	if slices.Contains(options, "string") {
		v := reflect.Zero(t)
		f.quoted = v.CanInt() || v.CanUint() || v.CanFloat() || t.Kind() == reflect.Bool || t.Kind() == reflect.String
	}
	if f.omitZero {
		f.isZero = zeroCheck(sf.Type)
	}
	e := encoder{}
	_ = e.str(f.name) // a valid tag or a Go name is always UTF-8
	f.key = append(e.b, ':')
	return &f, nil
}

// dominant leaves of each name the field that Go's rules would promote: the
// shallowest, of these the tagged one, and none where that does not decide.
func dominant(all []field) []field {
	byName := map[string][]field{}
	for _, f := range all {
		byName[f.name] = append(byName[f.name], f)
	}
	var out []field
	for _, same := range byName {
		sort.SliceStable(same, func(a, b int) bool {
			if d := len(same[a].index) - len(same[b].index); d != 0 {
				return d < 0
			}
			return same[a].tagged && !same[b].tagged
		})
		if len(same) > 1 && len(same[0].index) == len(same[1].index) && same[0].tagged == same[1].tagged {
			continue
		}
		out = append(out, same[0])
	}
	sort.Slice(out, func(a, b int) bool { return slices.Compare(out[a].index, out[b].index) < 0 })
	return out
}

func validTag(s string) bool {
	for _, c := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return s != ""
}

type isZeroer interface{ IsZero() bool }

var isZeroerType = reflect.TypeFor[isZeroer]()

// zeroCheck is what omitzero asks: the value's own IsZero where it has one.
func zeroCheck(t reflect.Type) func(reflect.Value) bool {
	switch {
	case t.Implements(isZeroerType):
		return func(v reflect.Value) bool {
			return isNil(v) || v.Kind() == reflect.Interface && isNil(v.Elem()) || v.Interface().(isZeroer).IsZero()
		}
	case reflect.PointerTo(t).Implements(isZeroerType):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				c := reflect.New(t).Elem()
				c.Set(v)
				v = c
			}
			return v.Addr().Interface().(isZeroer).IsZero()
		}
	}
	return reflect.Value.IsZero
}
