// Package openruntimes has the types of functions that are written for open-runtimes, func Main(Context openruntimes.Context) openruntimes.Response,
// under the path that they import. build.sh puts it in the place of that module.
package openruntimes

import (
	"encoding/json"
	"fmt"
	"strings"

	"trivet"
)

// Context is what Main gets. Context.Call("other", input, &output) is trivet's own.
type Context struct {
	Req ContextRequest
	Res ContextResponse
	trivet.SDK
	host trivet.HTTP
}

// Log is a message that is written as it is.
type Log struct{ Message string }

func (l Log) String() string { return l.Message }

// Log writes its arguments as one line.
func (c *Context) Log(messages ...interface{}) { c.host.Log(plain(messages)...) }

// Error does the same at level error.
func (c *Context) Error(messages ...interface{}) { c.host.Error(plain(messages)...) }

// plain has text in place of what is no data: errors, and what says itself how it is written.
func plain(messages []interface{}) []any {
	all := make([]any, len(messages))
	for i, message := range messages {
		switch m := message.(type) {
		case error:
			all[i] = m.Error()
		case fmt.Stringer:
			all[i] = m.String()
		default:
			all[i] = m
		}
	}
	return all
}

// ContextRequest is what was sent. Header names are in lower case.
type ContextRequest struct {
	Method, Url, Scheme, Host, Path, QueryString string
	Port                                         int
	Headers, Query                               map[string]string
	body                                         []byte
}

// SetBodyBinary is for tests of functions.
func (r *ContextRequest) SetBodyBinary(body []byte) { r.body = body }

// BodyBinary is the body as it came.
func (r ContextRequest) BodyBinary() []byte { return r.body }

// BodyText is the body as text.
func (r ContextRequest) BodyText() string { return string(r.body) }

// BodyRaw is the old name of BodyText.
func (r ContextRequest) BodyRaw() string { return r.BodyText() }

// BodyJson decodes the body into v.
func (r ContextRequest) BodyJson(v any) error {
	if err := json.Unmarshal(r.body, v); err != nil {
		return fmt.Errorf("could not parse body into a JSON: %w", err)
	}
	return nil
}

// Body is a map when the content type is JSON, empty when the body is no object; else text.
func (r ContextRequest) Body() interface{} {
	if !strings.HasPrefix(strings.ToLower(r.Headers["content-type"]), "application/json") {
		return r.BodyText()
	}
	value := map[string]interface{}{}
	if r.BodyJson(&value) != nil || value == nil {
		return map[string]interface{}{}
	}
	return value
}

// Response is what Main returns. A header whose value has several lines is sent once for each.
type Response struct {
	Body       []byte
	StatusCode int
	Headers    map[string]string
}

// ResponseOption changes a response: WithStatusCode, WithHeaders.
type ResponseOption func(*Response)

// ContextResponse makes responses.
type ContextResponse struct{}

// WithHeaders sets the headers.
func (ContextResponse) WithHeaders(headers map[string]string) ResponseOption {
	return func(r *Response) { r.Headers = headers }
}

// WithStatusCode sets the status.
func (ContextResponse) WithStatusCode(statusCode int) ResponseOption {
	return func(r *Response) { r.StatusCode = statusCode }
}

func (ContextResponse) Binary(bytes []byte, options ...ResponseOption) Response {
	r := Response{Body: bytes, StatusCode: 200}
	for _, option := range options {
		option(&r)
	}
	headers := make(map[string]string, len(r.Headers)+1) // the caller's map stays as it is
	for name, value := range r.Headers {
		headers[strings.ToLower(name)] = value
	}
	r.Headers = headers
	return r
}

func (c ContextResponse) Text(body string, options ...ResponseOption) Response {
	return c.Binary([]byte(body), options...)
}

// Send is the old name of Text.
func (c ContextResponse) Send(body string, options ...ResponseOption) Response {
	return c.Text(body, options...)
}

func (c ContextResponse) Json(value interface{}, options ...ResponseOption) Response {
	text, err := json.Marshal(value)
	if err != nil {
		return c.Text("Error encoding JSON.", append(options, c.WithStatusCode(500))...)
	}
	r := c.Binary(text, options...)
	r.Headers["content-type"] = "application/json"
	return r
}

func (c ContextResponse) Empty() Response { return c.Text("", c.WithStatusCode(204)) }

func (c ContextResponse) Redirect(url string, options ...ResponseOption) Response {
	r := c.Text("", append([]ResponseOption{c.WithStatusCode(301)}, options...)...)
	r.Headers["location"] = url
	return r
}

// Served is main as trivet.Serve takes it.
func Served(main func(Context) Response) func(trivet.HTTP) trivet.Response {
	return served{main}.answer
}

type served struct{ main func(Context) Response }

//go:noinline
func (s served) answer(host trivet.HTTP) trivet.Response { // the shim leaves it out of stacks, by its name
	told := host.Req
	r := s.main(Context{SDK: host.SDK, host: host, Req: ContextRequest{Method: told.Method, Url: told.URL, Scheme: told.Scheme, Host: told.Host, Path: told.Path,
		QueryString: told.QueryString, Port: told.Port, Headers: told.Headers, Query: told.Query, body: told.BodyBinary}})
	if r.StatusCode == 0 {
		return trivet.Response{} // made by nothing of ContextResponse
	}
	options := []trivet.Option{trivet.Status(r.StatusCode)}
	for name, value := range r.Headers {
		for _, line := range strings.Split(value, "\n") {
			options = append(options, trivet.Header(name, line))
		}
	}
	return host.Res.Binary(r.Body, options...)
}
