package alink

import "testing"

// TestCodeVerdicts is the documentation's column "worth retrying", by hand.
func TestCodeVerdicts(t *testing.T) {
	named := map[Code]bool{}
	for v, all := range map[Verdict][]Code{
		OK: {200, 1000, 78126},
		Retry: {428, 429, 500, 1901, 1902, 1950, 5159, 5160, 5161, 6205, 6313, 6314, 6316, 6318, 6323, 6329, 6452, 6661,
			6760, 9324, 26010, 78121, 78127},
		Split: {6104, 6106, 6356, 6357},
		Login: {520},
		GiveUp: {0, -1, 201, 400, 401, 403, 427, 460, 521, 522, 1903, 1904, 1905, 1951, 5001, 5005, 5244, 6100, 6200, 6201,
			6203, 6204, 6206, 6207, 6208, 6250, 6280, 6287, 6288, 6289, 6292, 6300, 6301, 6302, 6304, 6306, 6307, 6308,
			6309, 6310, 6311, 6312, 6317, 6320, 6321, 6322, 6324, 6325, 6326, 6328, 6332, 6400, 6401, 6402, 6450, 6600,
			6619, 6710, 6713, 6717, 6718, 6813, 6831, 9112, 9200, 9201, 9236, 9320, 9321, 26001, 26002, 26006, 26007,
			78117, 78118, 78119, 78120, 78122, 78123, 78124, 78125, 100000, 110000, 123456},
	} {
		for _, c := range all {
			named[c] = true
			if c.Verdict() != v {
				t.Errorf("%d asks to %v, want %v", c, c.Verdict(), v)
			}
		}
	}
	for c := range codes {
		if !named[c] {
			t.Errorf("%d is in the table and not in this test", c)
		}
	}
}

func TestCodeText(t *testing.T) {
	for c, want := range map[Code]string{
		200: "success", 429: "throttled", 6106: "more than 200 properties", 105000: "defined by the device",
		100000: "defined by the device", 110000: "defined by the device", 110001: "code 110001", -5: "code -5",
	} {
		if c.Text() != want {
			t.Errorf("%d is %q, want %q", c, c.Text(), want)
		}
	}
	for c, row := range codes {
		if row.text == "" || !c.Known() {
			t.Errorf("%d has no text", c)
		}
	}
	if Code(0).Known() || !CodeDeviceFirst.Known() || !CodeDeviceLast.Known() || Code(99999).Known() {
		t.Error("Known is wrong at its bounds")
	}
}
