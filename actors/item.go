package actors

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aliiot/aliiot/alink"
	"github.com/aliiot/aliiot/internal/outbox"
)

// Item is anything that can be reported: Properties, Event, and types of an
// application's own, generated ones included.
type Item interface {
	// Content checks and encodes the report. The errors are typed and name the
	// value that is wrong (*ValueError, *alink.ValueError, *alink.NameError).
	Content() (Content, error)
}

// Content is a report's meaning, checked and encoded: never a topic, never an
// envelope. Make it with PropertyContent or EventContent.
type Content struct {
	kind   outbox.Kind
	name   string
	params []byte
	key    string
}

// Params are the encoded parameters (JSON).
func (c Content) Params() []byte { return c.params }

// Properties reports values of the thing model by their identifiers. A value
// may be anything that JSON carries; floats keep a decimal on the wire, as the
// platform wants. In a lane that keeps only the latest value, reports of the
// same set of identifiers replace each other.
type Properties map[string]any

// Content implements Item.
func (p Properties) Content() (Content, error) {
	if len(p) == 0 {
		return Content{}, &ValueError{What: "properties", Why: "there are none"}
	}
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	if err := alink.CheckIdentifiers(names); err != nil {
		return Content{}, fmt.Errorf("aliiot: properties: %w", err)
	}
	params, err := alink.Marshal(map[string]any(p))
	if err != nil {
		return Content{}, fmt.Errorf("aliiot: encoding properties: %w", err)
	}
	return Content{kind: outbox.KindProperty, params: params, key: strings.Join(names, ",")}, nil
}

// Event reports an event of the thing model with its output parameters.
type Event struct {
	// ID is the event's identifier, "module:identifier" in a module.
	ID string
	// Output is a struct or map that becomes a JSON object; nil for none.
	Output any
}

// Content implements Item.
func (e Event) Content() (Content, error) {
	params := []byte("{}")
	if e.Output != nil {
		var err error
		if params, err = alink.Marshal(e.Output); err != nil {
			return Content{}, fmt.Errorf("aliiot: encoding event %q: %w", e.ID, err)
		}
	}
	if err := alink.CheckEvent(e.ID, params); err != nil {
		return Content{}, fmt.Errorf("aliiot: event %q: %w", e.ID, err)
	}
	return Content{kind: outbox.KindEvent, name: e.ID, params: params, key: "!" + e.ID}, nil
}

// ValueError says which value cannot be reported, and why. Nothing was stored.
type ValueError struct{ What, Why string }

func (e *ValueError) Error() string {
	return fmt.Sprintf("aliiot: %s cannot be reported: %s", e.What, e.Why)
}

// NewAppend checks and encodes an item. Set Lane, TTL, At and Reply afterwards.
func NewAppend(it Item) (Append, error) {
	if it == nil {
		return Append{}, &ValueError{What: "a nil item", Why: "there is nothing in it"}
	}
	c, err := it.Content()
	if err != nil {
		return Append{}, err
	}
	if c.kind == 0 {
		return Append{}, &ValueError{What: fmt.Sprintf("%T", it), Why: "its Content is empty"}
	}
	return Append{Content: c}, nil
}
