package trivet

import (
	"encoding/json"
	"reflect"
)

var (
	contextType  = reflect.TypeOf((*Context)(nil))
	errorType    = reflect.TypeOf((*error)(nil)).Elem()
	httpType     = reflect.TypeOf(HTTP{})
	responseType = reflect.TypeOf(Response{})
)

// A handler whose signature was looked at once: func([input], [*Context]) ([output], [error]).
type handler struct {
	function           reflect.Value
	input              reflect.Type // nil: takes none
	context, fails     bool
	output             bool
	streams, wantsHTTP bool
}

func newHandler(function any, http bool) (*handler, error) {
	h := &handler{function: reflect.ValueOf(function), wantsHTTP: http}
	t := h.function.Type()
	if http {
		if t.NumIn() != 1 || t.In(0) != httpType || t.NumOut() != 1 || t.Out(0) != responseType {
			return nil, failed("LOAD_FAILED", "the handler is a %s, not a func(trivet.HTTP) trivet.Response", t)
		}
		return h, nil
	}
	for i := 0; i < t.NumIn(); i++ {
		switch {
		case t.In(i) == contextType:
			h.context = true
		case i == 0:
			h.input = t.In(0)
		default:
			return nil, failed("LOAD_FAILED", "the handler is a %s, not a func(input, *trivet.Context) (output, error)", t)
		}
	}
	for i := 0; i < t.NumOut(); i++ {
		if t.Out(i) == errorType {
			h.fails = true
		} else {
			h.output = true
			h.streams = t.Out(i).Kind() == reflect.Chan
		}
	}
	return h, nil
}

func (h *handler) call(body []byte, ctx *Context) (reflect.Value, error) {
	args := make([]reflect.Value, 0, 2)
	if h.input != nil {
		input := reflect.New(h.input)
		if len(body) > 0 {
			if err := json.Unmarshal(body, input.Interface()); err != nil {
				return reflect.Value{}, failed("INVALID_INPUT", "the input is not what the handler takes: %v", err)
			}
		}
		args = append(args, input.Elem())
	}
	if h.context {
		args = append(args, reflect.ValueOf(ctx))
	}
	results := h.function.Call(args)
	if h.fails {
		if err, _ := results[len(results)-1].Interface().(error); err != nil {
			return reflect.Value{}, err
		}
	}
	if !h.output {
		return reflect.Value{}, nil
	}
	return results[0], nil
}
