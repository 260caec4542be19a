package transporttest

import "strings"

// Match says whether an MQTT topic filter covers a topic (MQTT 3.1.1, 4.7).
func Match(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, part := range f {
		switch {
		case part == "#":
			return true
		case i >= len(t), part != "+" && part != t[i]:
			return false
		}
	}
	return len(f) == len(t)
}
