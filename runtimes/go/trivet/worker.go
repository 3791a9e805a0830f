// Package trivet is what a Go function imports, and the shim that serves it: it speaks the frame (docs/formats/frame.md) on fd 3 and 4.
//
//	package function
//
//	func Handler(input struct{ Name string }, ctx *trivet.Context) (map[string]string, error) { ... }
package trivet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type worker struct {
	pipes
	plan      plan
	handler   *handler
	running   sync.WaitGroup // calls
	lingering sync.WaitGroup // work that outlasts them
	lingerers atomic.Int64   // of that work, those that run
	mutex     sync.Mutex
	flights   map[uint32]*flight // guarded by mutex
	asks      atomic.Uint64      // made so far
	function  any
	exchange  func(*Exchange) error // of the interface http
	refusal   error                 // why the function cannot be served
	lent      struct {
		reading atomic.Bool // the goroutine that read a call runs it: who wants to read may
		timer   *time.Timer
	}
}

// How long a call may keep others from being read.
func (p *plan) lendTime() time.Duration {
	if p.Concurrency == 1 {
		return time.Millisecond // only CANCEL waits
	}
	return 100 * time.Microsecond
}

type plan struct {
	Function    string            `json:"function"`
	Interface   string            `json:"interface"`
	Env         map[string]string `json:"env"`
	Credit      int               `json:"credit"`
	Concurrency int               `json:"concurrency"`
	MaxFrame    int               `json:"max_frame"`
}

// A call in flight.
type flight struct {
	meta, body []byte
	cancel     context.CancelFunc
	context    context.Context
	window     int                     // bytes that a reply may still send; guarded by the worker's mutex
	granted    chan struct{}           // there is more of them
	begun      bool                    // it is run; guarded by the worker's mutex
	arriving   *arriving               // its body, where that comes while it is run
	asks       map[uint64]chan *answer // calls that it made and that are not answered; guarded by the worker's mutex
}

func (w *worker) load(meta []byte) {
	err := json.Unmarshal(meta, &w.plan)
	for name, value := range w.plan.Env {
		os.Setenv(name, value)
	}
	if err == nil {
		err = w.refusal
	}
	if err == nil && w.exchange == nil && w.plan.Interface != "module" {
		w.handler, err = newHandler(w.function, w.plan.Interface == "context")
	}
	if err != nil {
		text, _ := json.Marshal(map[string]string{"code": "LOAD_FAILED", "message": err.Error()})
		w.write(tError, 0, text, nil, false)
		os.Exit(1)
	}
	w.write(tReady, 0, nil, nil, false)
}

func (w *worker) run(id uint32, call *flight) {
	defer w.running.Done()
	defer func() {
		w.mutex.Lock()
		delete(w.flights, id)
		w.mutex.Unlock()
		call.cancel()
	}()
	defer func() {
		if caught := recover(); caught != nil {
			w.failed(id, call, caught, debug.Stack())
		}
	}()
	told := &Context{Context: call.context, Function: w.plan.Function, Env: w.plan.Env, SDK: SDK{w, id, call}, meta: call.meta}
	told.Log = Log{w, id, told}
	var err error
	if w.exchange != nil {
		err = w.answerExchange(id, call, told)
	} else if w.handler == nil {
		err = w.answerModule(id, call, told)
	} else if w.handler.wantsHTTP {
		err = w.answerHTTP(id, call, told)
	} else {
		err = w.answerJSON(id, call, told)
	}
	if err != nil {
		w.failed(id, call, err, nil)
	}
}

func (w *worker) answerJSON(id uint32, call *flight, ctx *Context) error {
	if len(call.body) > 0 && w.handler.input == nil && !json.Valid(call.body) {
		return failed("INVALID_INPUT", "the input is not JSON")
	}
	output, err := w.handler.call(call.body, ctx)
	if err != nil {
		return err
	}
	if output.IsValid() && output.Kind() == reflect.Interface {
		output = output.Elem()
	}
	if output.IsValid() && output.Kind() == reflect.Chan && !output.IsNil() && output.Type().ChanDir()&reflect.RecvDir != 0 {
		return w.stream(id, call, []byte(`{"headers":[["content-type","application/x-ndjson"]]}`), func() ([]byte, bool, error) {
			value, more := output.Recv()
			if !more {
				return nil, false, nil
			}
			if raw, ok := value.Interface().([]byte); ok {
				return raw, true, nil
			}
			text, err := json.Marshal(value.Interface())
			return append(text, '\n'), true, err
		})
	}
	text := []byte("null")
	if output.IsValid() {
		if text, err = json.Marshal(output.Interface()); err != nil {
			return failed("INVALID_OUTPUT", "the handler's value cannot be written as JSON: %v", err)
		}
	}
	return w.reply(id, nil, text)
}

func (w *worker) answerHTTP(id uint32, call *flight, ctx *Context) error {
	request := HTTP{Req: newRequest(ctx.facts(), call.body), SDK: ctx.SDK, log: ctx.Log}
	response := w.handler.function.Call([]reflect.Value{reflect.ValueOf(request)})[0].Interface().(Response)
	head, err := response.head()
	if err != nil {
		return err
	}
	if response.stream == nil {
		return w.reply(id, head, response.body)
	}
	return w.stream(id, call, head, func() ([]byte, bool, error) {
		piece, more := <-response.stream
		return piece, more, nil
	})
}

func (w *worker) reply(id uint32, meta, body []byte) error {
	if headerSize-4+len(meta)+len(body) > w.plan.MaxFrame || len(meta) > metaMost {
		return failed("INVALID_OUTPUT", "the reply has %d bytes, more than limits.payload allows: return less, or stream it", len(meta)+len(body))
	}
	w.write(tReply, id, meta, body, false)
	return nil
}

// stream sends what next gives, within the host's credit.
func (w *worker) stream(id uint32, call *flight, head []byte, next func() ([]byte, bool, error)) error {
	w.begin(id, call, head)
	for {
		piece, more, err := next()
		if err != nil {
			return failed("INVALID_OUTPUT", "a value of the stream cannot be written as JSON: %v", err)
		}
		if !more {
			break
		}
		if err := w.push(id, call, piece); err != nil {
			return err
		}
	}
	w.write(tChunk, id, nil, nil, false)
	return nil
}

// begin sends the head of a reply that streams.
func (w *worker) begin(id uint32, call *flight, head []byte) {
	w.mutex.Lock()
	call.window, call.granted = w.plan.Credit, make(chan struct{}, 1)
	w.mutex.Unlock()
	w.write(tReply, id, head, nil, true)
}

// push sends a piece of a body within the host's credit.
func (w *worker) push(id uint32, call *flight, piece []byte) error {
	for len(piece) > 0 {
		if call.context.Err() != nil {
			return failed("CANCELLED", "the stream was cancelled")
		}
		w.mutex.Lock()
		size := min(min(len(piece), chunkSize), call.window)
		call.window -= size
		w.mutex.Unlock()
		if size > 0 {
			w.write(tChunk, id, nil, piece[:size], true)
			piece = piece[size:]
			continue
		}
		go w.takeOver() // this goroutine may be the one that reads
		select {
		case <-call.granted:
		case <-call.context.Done():
		}
	}
	return nil
}

func (w *worker) grant(id uint32, size int) {
	w.write(tCredit, id, []byte(fmt.Sprintf(`{"bytes":%d}`, size)), nil, false)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func (w *worker) failed(id uint32, call *flight, what any, stack []byte) {
	facts := map[string]string{"code": "FUNCTION_ERROR", "message": fmt.Sprint(what), "type": fmt.Sprintf("%T", what)}
	if known, ok := what.(*failure); ok {
		facts = map[string]string{"code": known.code, "message": known.message}
	} else if call.context.Err() != nil {
		facts["code"] = "CANCELLED"
	} else if asked, ok := what.(*CallError); ok && asked.Code == loopDetected {
		facts["code"] = asked.Code
	}
	if stack != nil {
		facts["stack"] = trimmed(string(stack))
	}
	for name, text := range facts {
		facts[name] = cut(text)
	}
	text, _ := json.Marshal(facts)
	w.write(tError, id, text, nil, false)
}

// cut keeps a text small enough for meta.
func cut(text string) string { return text[:min(len(text), textMost)] }

// trimmed leaves the frames of user code: what comes after panic() and before the shim's call of the handler.
func trimmed(stack string) string {
	if at := strings.LastIndex(stack, "\npanic("); at >= 0 {
		stack = stack[at+1:]
	}
	for _, ours := range []string{"reflect.Value.call(", "trivet/web.", "github.com/open-runtimes/types-for-go/v4/openruntimes.served", "net/http.HandlerFunc.ServeHTTP("} {
		if at := strings.Index(stack, ours); at >= 0 {
			stack = stack[:at]
		}
	}
	return stack
}
