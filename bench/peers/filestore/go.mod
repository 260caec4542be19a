module github.com/aliiot/aliiot/bench/peers/filestore

go 1.26.0

require (
	github.com/aliiot/aliiot v0.0.0
	github.com/eclipse/paho.mqtt.golang v1.5.1
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
)

replace github.com/aliiot/aliiot => ../../..
