package main

import "testing"

func TestBodyHash(t *testing.T) {
	plain := `{"GeoLocation":{"Latitude":36.5,"Longitude":31},"lane":"default","n":7}`
	for _, c := range []struct {
		name, body string
		same       bool
	}{
		{"other order, other numbers", `{"n":7.0,"lane":"default","GeoLocation":{"Longitude":31.0,"Latitude":36.50}}`, true},
		{"wrapped as properties are", `{"GeoLocation":{"value":{"Latitude":36.5,"Longitude":31.0},"time":5},"lane":{"value":"default","time":5},"n":{"value":7}}`, true},
		{"wrapped as an event is", `{"value":` + plain + `,"time":5}`, true},
		{"a digit", `{"GeoLocation":{"Latitude":36.6,"Longitude":31},"lane":"default","n":7}`, false},
		{"a member more", `{"GeoLocation":{"Latitude":36.5,"Longitude":31},"lane":"default","n":7,"m":1}`, false},
		{"a member less", `{"GeoLocation":{"Latitude":36.5,"Longitude":31},"lane":"default"}`, false},
		{"nothing", ``, false},
	} {
		if same := bodyHash([]byte(c.body)) == bodyHash([]byte(plain)); same != c.same {
			t.Errorf("%s: the same is %v", c.name, same)
		}
	}
}
