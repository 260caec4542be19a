package outbox_test

import "os"

// long runs what takes minutes.
var long = os.Getenv("ALIIOT_LONG") == "1"
