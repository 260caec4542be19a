package nmea

import (
	"bytes"
	_ "embed"
)

//go:embed quectel-eg25-g.log
var walk []byte

//go:embed moving-vessel.log
var vessel []byte

// Recorded are the two logs that come with the example, one after the other: a
// cold start and a slow walk, then a vessel under way. README.md says whose.
func Recorded() (Log, error) {
	log, err := Read(bytes.NewReader(walk))
	if err != nil {
		return Log{}, err
	}
	second, err := Read(bytes.NewReader(vessel))
	if err != nil {
		return Log{}, err
	}
	log.Append(second)
	return log, nil
}
