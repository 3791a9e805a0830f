package function

import (
	"encoding/json"

	"trivet"
)

func Handler(input json.RawMessage, ctx *trivet.Context) (json.RawMessage, error) {
	return input, nil
}
