package alink

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sort"
	"strconv"
	"unicode/utf8"
)

// marshaler lets v write itself if it can, by its own methods or, where it is
// addressable, by those of its pointer. done tells whether it did.
func (e *encoder) marshaler(v reflect.Value) (done bool, err error) {
	t := v.Type()
	switch {
	case hasMethods(v, jsonMarshaler):
		return true, e.byJSON(v.Addr())
	case t.Implements(jsonMarshaler):
		return true, e.byJSON(v)
	case hasMethods(v, textMarshaler):
		return true, e.byText(v.Addr())
	case t.Implements(textMarshaler):
		return true, e.byText(v)
	}
	return false, nil
}

func hasMethods(v reflect.Value, t reflect.Type) bool {
	return v.Kind() != reflect.Pointer && v.CanAddr() && reflect.PointerTo(v.Type()).Implements(t)
}

func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

func (e *encoder) byJSON(v reflect.Value) error {
	if isNil(v) {
		e.b = append(e.b, "null"...)
		return nil
	}
	b, err := v.Interface().(json.Marshaler).MarshalJSON()
	switch {
	case err != nil:
		return &ValueError{Reason: "of type " + v.Type().String() + " could not be marshalled", Err: err}
	case !json.Valid(b):
		return &ValueError{Reason: "of type " + v.Type().String() + " marshalled itself into what is no JSON"}
	case !utf8.Valid(b):
		return &ValueError{Reason: "of type " + v.Type().String() + " marshalled itself into what is not UTF-8"}
	}
	e.b = append(e.b, b...)
	return nil
}

func (e *encoder) byText(v reflect.Value) error {
	if isNil(v) {
		e.b = append(e.b, "null"...)
		return nil
	}
	b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return &ValueError{Reason: "of type " + v.Type().String() + " could not be marshalled", Err: err}
	}
	return e.str(string(b))
}

func (e *encoder) structure(v reflect.Value) error {
	next := byte('{')
	for _, f := range fieldsOf(v.Type()) {
		fv, ok := f.of(v)
		if !ok || f.omitEmpty && isEmpty(fv) || f.omitZero && f.isZero(fv) {
			continue
		}
		e.b = append(e.b, next)
		next = ','
		e.b = append(e.b, f.key...)
		if err := e.value(fv, f.quoted); err != nil {
			return under(f.name, err)
		}
	}
	if next == '{' {
		e.b = append(e.b, '{')
	}
	e.b = append(e.b, '}')
	return nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Bool, reflect.Interface, reflect.Pointer:
		return v.IsZero()
	}
	return (v.CanInt() || v.CanUint() || v.CanFloat()) && v.IsZero()
}

func (e *encoder) mapping(v reflect.Value) error {
	t := v.Type()
	if k := t.Key().Kind(); k != reflect.String && !t.Key().Implements(textMarshaler) &&
		!reflect.Zero(t.Key()).CanInt() && !reflect.Zero(t.Key()).CanUint() {
		return &ValueError{Reason: "has the type " + t.String() + ", whose keys JSON has no form for"}
	}
	if v.IsNil() {
		e.b = append(e.b, "null"...)
		return nil
	}
	return e.enter(func() any { return v.UnsafePointer() }, func() error { return e.members(v) })
}

func (e *encoder) members(v reflect.Value) error {
	type member struct {
		name  string
		value reflect.Value
	}
	all := make([]member, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		name, err := keyName(it.Key())
		if err != nil {
			return err
		}
		all = append(all, member{name, it.Value()})
	}
	sort.Slice(all, func(a, b int) bool { return all[a].name < all[b].name })
	e.b = append(e.b, '{')
	for i, m := range all {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.str(m.name); err != nil {
			return under(strconv.Quote(m.name), err)
		}
		e.b = append(e.b, ':')
		if err := e.value(m.value, false); err != nil {
			return under(m.name, err)
		}
	}
	e.b = append(e.b, '}')
	return nil
}

func keyName(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if k.Type().Implements(textMarshaler) {
		if isNil(k) {
			return "", nil
		}
		b, err := k.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return "", &ValueError{Reason: "has a key of type " + k.Type().String() + " that could not be marshalled", Err: err}
		}
		return string(b), nil
	}
	if k.CanInt() {
		return strconv.FormatInt(k.Int(), 10), nil
	}
	return strconv.FormatUint(k.Uint(), 10), nil
}
