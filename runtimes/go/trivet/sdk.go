package trivet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// SDK is what a function can ask of its host.
type SDK struct {
	worker *worker
	id     uint32
	flight *flight
}

// CallError says why a call of another function failed.
type CallError struct {
	Code     string         // "FUNCTION_NOT_FOUND", as in the host's own answers
	Message  string         // what happened
	Function string         // that was called
	Status   int            // of an answer that refused, or 0
	Body     []byte         // of such an answer
	Details  map[string]any // all that is known
}

func (e *CallError) Error() string {
	if e.Code == loopDetected { // told as it is by each that it passes through
		return e.Message
	}
	return fmt.Sprintf("%s: %s: %s", e.Function, e.Code, e.Message)
}

// Is lets errors.Is find what the codes mean to a context.
func (e *CallError) Is(target error) bool {
	return e.Code == "FUNCTION_TIMEOUT" && target == context.DeadlineExceeded || e.Code == "CANCELLED" && target == context.Canceled
}

const loopDetected = "LOOP_DETECTED"

// An ANSWER frame.
type answer struct {
	Ask   uint64         `json:"ask"`
	Ok    bool           `json:"ok"`
	Type  string         `json:"type"`
	Error map[string]any `json:"error"`
	body  []byte
}

// Call calls another function with input, written as JSON, and decodes what it returns into output, which may be nil. It ends with the
// call that it is made in. Failures of the call are *CallError.
func (s SDK) Call(function string, input, output any) error {
	return s.CallContext(context.Background(), function, input, output)
}

// CallContext does the same, within the deadline of ctx; it stops waiting when ctx is done. An output of type *[]byte gets the bytes.
func (s SDK) CallContext(ctx context.Context, function string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	wish := map[string]any{"ask": s.worker.asks.Add(1), "service": "call", "function": strings.ToValidUTF8(function, "\ufffd")}
	if deadline, ok := ctx.Deadline(); ok {
		wish["timeout_ms"] = max(0, int(time.Until(deadline).Milliseconds()))
	}
	meta, _ := json.Marshal(wish)
	if headerSize-4+len(meta)+len(body) > s.worker.plan.MaxFrame || len(meta) > metaMost {
		return s.failed("PAYLOAD_TOO_LARGE", function, fmt.Sprintf("the input has %d bytes, more than limits.payload of its caller allows", len(body)))
	}
	number := wish["ask"].(uint64)
	answered := make(chan *answer, 1)
	s.worker.mutex.Lock()
	if s.worker.flights[s.id] != s.flight {
		s.worker.mutex.Unlock()
		return s.failed("CANCELLED", function, "the call has ended")
	}
	if s.flight.asks == nil {
		s.flight.asks = map[uint64]chan *answer{}
	}
	s.flight.asks[number] = answered
	s.worker.mutex.Unlock()
	defer func() {
		s.worker.mutex.Lock()
		delete(s.flight.asks, number)
		s.worker.mutex.Unlock()
	}()
	s.worker.write(tAsk, s.id, meta, body, false)
	go s.worker.takeOver() // this goroutine may be the one that reads
	select {
	case came := <-answered:
		return came.decode(output)
	case <-s.flight.context.Done():
		return s.failed("CANCELLED", function, "the call was cancelled")
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return s.failed("FUNCTION_TIMEOUT", function, function+" did not answer before the deadline of its caller")
		}
		return s.failed("CANCELLED", function, "its caller waits no longer")
	}
}

func (s SDK) failed(code, function, message string) error {
	return &CallError{Code: code, Message: message, Function: function}
}

func (a *answer) decode(output any) error {
	if !a.Ok {
		text := func(name string) string { s, _ := a.Error[name].(string); return s }
		status, _ := a.Error["status"].(float64)
		return &CallError{text("code"), text("message"), text("function"), int(status), a.body, a.Error}
	}
	switch target := output.(type) {
	case nil:
		return nil
	case *[]byte:
		*target = a.body
		return nil
	case *string:
		if strings.HasPrefix(a.Type, "text/") {
			*target = string(a.body)
			return nil
		}
	case *any:
		if strings.HasPrefix(a.Type, "text/") {
			*target = string(a.body)
			return nil
		}
		if a.Type != "" && !strings.HasPrefix(a.Type, "application/json") && !strings.HasPrefix(a.Type, "application/x-ndjson") {
			*target = a.body
			return nil
		}
	}
	if strings.HasPrefix(a.Type, "application/x-ndjson") {
		lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
		return json.Unmarshal([]byte("["+strings.Join(lines, ",")+"]"), output)
	}
	return json.Unmarshal(a.body, output)
}

// answered hands an ANSWER to whoever waits. The mutex is held.
func (call *flight) answered(f frame) {
	came := &answer{body: f.body}
	if json.Unmarshal(f.meta, came) != nil {
		return
	}
	if waiting := call.asks[came.Ask]; waiting != nil {
		delete(call.asks, came.Ask)
		waiting <- came
	}
}
