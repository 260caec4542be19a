package alink_test

import (
	"fmt"

	"github.com/aliiot/aliiot/alink"
)

func ExampleMarshal() {
	type location struct {
		Longitude, Latitude, Altitude float64
		CoordinateSystem              int
	}
	params, err := alink.Marshal(map[string]any{
		"GeoLocation": location{Longitude: 30, Latitude: 36.86, CoordinateSystem: 1},
		"energy":      100,
	})
	fmt.Println(string(params), err)
	// Output: {"GeoLocation":{"Longitude":30.0,"Latitude":36.86,"Altitude":0.0,"CoordinateSystem":1},"energy":100} <nil>
}

func ExampleDeviceCredentials() {
	d := alink.Device{ProductKey: "a1B2c3D4e5F", DeviceName: "device01"}
	c, err := alink.DeviceCredentials(d, "0123456789abcdef0123456789abcdef", alink.ConnectOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.ClientID)
	fmt.Println(c.Username)
	fmt.Println(c.Password, string(c.Password)[:8]+"…")
	// Output:
	// a1B2c3D4e5F.device01|securemode=2,signmethod=hmacsha256|
	// device01&a1B2c3D4e5F
	// [secret] 4bd05a14…
}

func ExampleParseTopic() {
	t, err := alink.ParseTopic("/sys/a1B2c3D4e5F/device01/thing/service/property/set")
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, _ := t.Reply()
	fmt.Println(t.Kind, "of", t.Device, t.Kind.Direction())
	fmt.Println("answered on", reply)
	// Output:
	// PropertySet of a1B2c3D4e5F/device01 down
	// answered on /sys/a1B2c3D4e5F/device01/thing/service/property/set_reply
}

func ExampleAppendPropertyPost() {
	params, _ := alink.Marshal(map[string]any{"energy": 99, "speed": 12.0})
	fmt.Println(string(alink.AppendPropertyPost(nil, 7, params, 1524448722000, alink.PostOptions{Ack: true})))
	// Output: {"id":"7","version":"1.0","sys":{"ack":1},"params":{"energy":{"value":99,"time":1524448722000},"speed":{"value":12.0,"time":1524448722000}}}
}
