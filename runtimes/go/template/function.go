package function

import "trivet"

type Input struct {
	Name string `json:"name"`
}

// Handler is called once per request. The JSON body becomes Input; what is returned becomes the reply.
func Handler(input Input, ctx *trivet.Context) (map[string]string, error) {
	name := input.Name
	if name == "" {
		name = "World"
	}
	ctx.Log.Info("greeting", map[string]any{"name": name})
	return map[string]string{"message": "Hello, " + name + "!"}, nil
}
