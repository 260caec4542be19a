// Package alink has the words of Alink, the protocol of the Alibaba Cloud IoT
// Platform, and no behaviour: topics ([Topic], [Kind]), envelopes ([Request],
// [Reply], [ID]), reports ([AppendPropertyPost], [AppendEventPost]), values
// ([Marshal]), codes ([Code], [Verdict]), credentials ([DeviceCredentials]) and
// the platform's numbers (limits.go). A device and an emulator of the platform
// speak with the same ones.
//
// Nothing here reads a clock, a socket or a file, and nothing here keeps state.
//
// # Sources
//
// Facts about the protocol name their source by a key:
//
//	D20   the product documentation as of 2020-12-09
//	DN    newer help pages, by document number where it is known
//	C41   the C Link SDK 4.1.0; C42 is 4.2.0, CUP its file upload
//	K32   iotkit-embedded 3.2.0
//	N12   the Node SDK alibabacloud-iot-device-sdk 1.2.8
//	T-ND, T-NG, T-NR, T-C   wire recordings of the Node SDK (device, gateway,
//	      registration) and of the C SDK
//	Q, QF QuecPython's aliIot module and firmware
//	ran   seen when the SDK was run against an emulated platform
//	INF   inferred; no source says it
package alink
