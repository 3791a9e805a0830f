package trivet

import (
	"encoding/json"
	"reflect"
)

var modules = map[[2]string]reflect.Value{}

// Register gives a function to the module interface, under the names that calls use. With the module "" it answers whatever module a call names.
//
//	func init() { trivet.Register("math", "add", func(a, b int) int { return a + b }) }
//
// The arguments of a call are decoded into the function's parameters, the last of which may be variadic and the first a *Context. It returns
// nothing, a value, an error, or a value and an error.
func Register(module, name string, function any) {
	value := reflect.ValueOf(function)
	if value.Kind() != reflect.Func {
		panic("trivet.Register: " + module + ":" + name + " is not a function")
	}
	modules[[2]string{module, name}] = value
}

// ServeModules answers calls of the functions that were registered. It does not return.
func ServeModules() { Serve(nil) }

func (w *worker) answerModule(id uint32, call *flight, ctx *Context) error {
	var facts struct{ Module, Function string }
	if err := json.Unmarshal(ctx.meta, &facts); err != nil {
		return err
	}
	function, found := modules[[2]string{facts.Module, facts.Function}]
	if !found {
		function, found = modules[[2]string{"", facts.Function}]
	}
	if !found {
		return failed("FUNCTION_NOT_FOUND", "no function %s:%s was registered", facts.Module, facts.Function)
	}
	args, err := arguments(function.Type(), call.body, ctx)
	if err != nil {
		return err
	}
	text := []byte("null")
	for _, result := range function.Call(args) {
		if result.Type() == errorType {
			if err, _ := result.Interface().(error); err != nil {
				return err
			}
		} else if text, err = json.Marshal(result.Interface()); err != nil {
			return failed("INVALID_OUTPUT", "the function's value cannot be written as JSON: %v", err)
		}
	}
	return w.reply(id, nil, text)
}

// arguments decodes a list into what a function of type t takes.
func arguments(t reflect.Type, body []byte, ctx *Context) ([]reflect.Value, error) {
	var given []json.RawMessage
	if len(body) > 0 {
		if err := json.Unmarshal(body, &given); err != nil {
			return nil, failed("INVALID_INPUT", "the arguments are not a list: %v", err)
		}
	}
	args := make([]reflect.Value, 0, len(given)+1)
	first := 0
	if t.NumIn() > 0 && t.In(0) == contextType {
		args, first = append(args, reflect.ValueOf(ctx)), 1
	}
	wanted := t.NumIn() - first
	if t.IsVariadic() && len(given) < wanted-1 || !t.IsVariadic() && len(given) != wanted {
		return nil, failed("INVALID_INPUT", "%d arguments were given, the function takes %d", len(given), wanted)
	}
	for i, text := range given {
		at := first + i
		var in reflect.Type
		if t.IsVariadic() && at >= t.NumIn()-1 {
			in = t.In(t.NumIn() - 1).Elem()
		} else {
			in = t.In(at)
		}
		value := reflect.New(in)
		if err := json.Unmarshal(text, value.Interface()); err != nil {
			return nil, failed("INVALID_INPUT", "argument %d is not what the function takes: %v", i+1, err)
		}
		args = append(args, value.Elem())
	}
	return args, nil
}
