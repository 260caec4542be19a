module github.com/aliiot/aliiot/bench/peers/tidwall

go 1.26.0

require (
	github.com/aliiot/aliiot v0.0.0
	github.com/tidwall/wal v1.2.1
)

require (
	github.com/eclipse/paho.mqtt.golang v1.5.1 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/tidwall/gjson v1.10.2 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	github.com/tidwall/tinylru v1.1.0 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
)

replace github.com/aliiot/aliiot => ../../..
