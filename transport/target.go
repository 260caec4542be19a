package transport

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// defaultPort is the platform's, for plain TCP and for TLS alike.
const defaultPort = "1883"

// maxString is the longest string that an MQTT length field can say (MQTT 3.1.1, 1.5.3).
const maxString = 65535

// maxFilters keeps a SUBACK within what the wire can look at ahead. The platform
// allows far fewer in one packet.
const maxFilters = 1000

// target is where one attempt goes.
type target struct {
	host, address string // address is host:port
	secure        bool
}

// parseServer reads scheme://host[:port].
func parseServer(server string) (target, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return target{}, &ConfigError{What: fmt.Sprintf("server %q is not mqtt://host:port or mqtts://host:port", server)}
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return target{}, &ConfigError{What: "a server has a scheme, a host and a port, nothing else"}
	}
	t := target{host: u.Hostname()}
	switch u.Scheme {
	case "mqtt":
	case "mqtts":
		t.secure = true
	default:
		return target{}, &ConfigError{What: fmt.Sprintf("server scheme %q is neither mqtt nor mqtts", u.Scheme)}
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	t.address = net.JoinHostPort(t.host, port)
	return t, nil
}

// withDefaults checks what could never work, and fills in what was left out.
func (c Connect) withDefaults() (Connect, error) {
	for what, n := range map[string]int{
		"client id": len(c.ClientID), "user name": len(c.Username), "password": len(c.Password),
	} {
		if n > maxString {
			return c, &ConfigError{What: fmt.Sprintf("the %s has %d bytes, MQTT allows %d", what, n, maxString)}
		}
	}
	if c.KeepAlive < 0 || c.KeepAlive > maxString*time.Second {
		return c, &ConfigError{What: fmt.Sprintf("a keepalive of %v does not fit MQTT's 16 bits of seconds", c.KeepAlive)}
	}
	if c.KeepAlive > 0 && c.KeepAlive < time.Second {
		return c, &ConfigError{What: fmt.Sprintf("a keepalive of %v is below MQTT's unit, a second", c.KeepAlive)}
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.MaxPacket <= 0 {
		c.MaxPacket = 512 << 10
	}
	if c.Queue <= 0 {
		c.Queue = 256
	}
	return c, nil
}

// checkPublish refuses what would corrupt the stream or make any broker hang up.
func checkPublish(topic string, qos byte) error {
	switch {
	case topic == "" || len(topic) > maxString:
		return &ConfigError{What: fmt.Sprintf("a topic of %d bytes cannot be published to", len(topic))}
	case strings.ContainsAny(topic, "+#\x00"):
		return &ConfigError{What: fmt.Sprintf("topic %q has a wildcard or a zero byte", topic)}
	case qos > 1:
		return &ConfigError{What: fmt.Sprintf("QoS %d is not used here", qos)}
	}
	return nil
}

// checkFilters is checkPublish for a SUBSCRIBE. The map drops what is named twice.
func checkFilters(filters []Filter) (map[string]byte, error) {
	if len(filters) == 0 || len(filters) > maxFilters {
		return nil, &ConfigError{What: fmt.Sprintf("a SUBSCRIBE with %d filters (1 to %d)", len(filters), maxFilters)}
	}
	asked := make(map[string]byte, len(filters))
	for _, f := range filters {
		if f.Topic == "" || len(f.Topic) > maxString || strings.Contains(f.Topic, "\x00") {
			return nil, &ConfigError{What: fmt.Sprintf("topic filter %q cannot be subscribed", f.Topic)}
		}
		if f.QoS > 1 {
			return nil, &ConfigError{What: fmt.Sprintf("QoS %d is not used here", f.QoS)}
		}
		asked[f.Topic] = max(asked[f.Topic], f.QoS)
	}
	return asked, nil
}
