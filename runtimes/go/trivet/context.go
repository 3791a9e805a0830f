package trivet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Context is what a json handler is told besides its input.
type Context struct {
	context.Context // ends when the call is cancelled or its deadline passes
	Function        string
	Env             map[string]string
	Log             Log
	SDK             // ctx.Call("other", input, &output)

	once sync.Once
	meta []byte
	told facts
}

// facts of CALL's meta, parsed when they are asked for.
type facts struct {
	ID       string          `json:"id"`
	Deadline int64           `json:"deadline_ms"`
	Auth     json.RawMessage `json:"auth"`
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Query    string          `json:"query"`
	Scheme   string          `json:"scheme"`
	Host     string          `json:"host"`
	Headers  [][2]string     `json:"headers"`
}

func (c *Context) facts() *facts {
	c.once.Do(func() { _ = json.Unmarshal(c.meta, &c.told) })
	return &c.told
}

// CallID identifies the call in logs.
func (c *Context) CallID() string { return c.facts().ID }

// DeadlineMs is when the call must have ended, in Unix milliseconds.
func (c *Context) DeadlineMs() int64 { return c.facts().Deadline }

// Auth is a JSON object about who calls, or nil.
func (c *Context) Auth() json.RawMessage { return c.facts().Auth }

// Go runs work that may outlast the reply, on a goroutine of its own. A worker that is asked to end waits for it.
func (c *Context) Go(work func()) {
	c.Log.worker.lingering.Add(1)
	c.Log.worker.lingerers.Add(1)
	go func() {
		defer c.Log.worker.lingering.Done()
		defer c.Log.worker.lingerers.Add(-1)
		work()
	}()
}

// Log writes lines that carry a level and fields.
type Log struct {
	worker *worker
	call   uint32
	about  *Context
}

func (l Log) write(level string, message string, fields []map[string]any) {
	meta := map[string]any{"level": level}
	if len(fields) > 0 {
		meta["fields"] = fields[0]
	}
	if l.about != nil { // the host goes by it when the reply has come before
		meta["id"] = l.about.CallID()
	}
	text, err := json.Marshal(meta)
	if err != nil || len(text) > metaMost {
		text = []byte(`{"level":"` + level + `"}`)
	}
	l.worker.write(tLog, l.call, text, []byte(strings.ToValidUTF8(cut(message), "\ufffd")), false)
}

func (l Log) Debug(message string, fields ...map[string]any) { l.write("debug", message, fields) }
func (l Log) Info(message string, fields ...map[string]any)  { l.write("info", message, fields) }
func (l Log) Warn(message string, fields ...map[string]any)  { l.write("warn", message, fields) }
func (l Log) Error(message string, fields ...map[string]any) { l.write("error", message, fields) }

// failure is an ERROR frame: a code and a sentence.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.message }

func failed(code, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}
