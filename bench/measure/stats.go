package measure

import (
	"math"
	"slices"
)

// Quantile is the value below which a share q of all lie, by linear interpolation;
// NaN of nothing.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// Median is the middle.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Summary is what many rounds say of one figure.
type Summary struct {
	// Median is that of the rounds' medians, Q1 and Q3 their quartiles, Low and
	// High the lowest and the highest round.
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Rounds int     `json:"rounds"`
	// Absolute is the median of what was reached in this machine's own units: colour.
	Absolute float64 `json:"absolute,omitempty"`
}

// Round is what one round says of one figure.
type Round struct {
	Values   []float64 // one for each slice
	Absolute float64
}

// Summarise takes the median of each round, so that a round with a bad moment
// counts once.
func Summarise(rounds []Round) Summary {
	var medians, absolute []float64
	for _, r := range rounds {
		medians = append(medians, Median(r.Values))
		if r.Absolute != 0 {
			absolute = append(absolute, r.Absolute)
		}
	}
	if len(rounds) == 1 { // the slices are all that tells of a spread
		medians = rounds[0].Values
	}
	s := Summary{Median: Median(medians), Q1: Quantile(medians, 0.25), Q3: Quantile(medians, 0.75), Low: Quantile(medians, 0), High: Quantile(medians, 1), Rounds: len(rounds)}
	if len(absolute) > 0 {
		s.Absolute = Median(absolute)
	}
	return s
}
