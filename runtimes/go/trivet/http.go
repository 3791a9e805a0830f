package trivet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const (
	hidden     = "x-open-runtimes-"
	logLineMax = 8000
)

// HTTP is what a context handler gets: func Main(ctx trivet.HTTP) trivet.Response.
type HTTP struct {
	Req Request
	Res Responder
	SDK // ctx.Call("other", input, &output)
	log Log
}

// Log writes its arguments as one line, values other than text as JSON.
func (h HTTP) Log(values ...any) { h.log.Info(line(values)) }

// Error does the same at level error.
func (h HTTP) Error(values ...any) { h.log.Error(line(values)) }

func line(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		if text, ok := value.(string); ok {
			words[i] = text
		} else if text, err := json.Marshal(value); err == nil {
			words[i] = string(text)
		} else {
			words[i] = fmt.Sprint(value)
		}
	}
	text := strings.Join(words, " ")
	if len(text) > logLineMax {
		text = text[:logLineMax]
	}
	return text
}

// Request of the open-runtimes form.
type Request struct {
	Method, Path, Scheme, Host, QueryString, URL string
	Port                                         int
	Query, Headers                               map[string]string
	BodyBinary                                   []byte
}

func newRequest(told *facts, body []byte) Request {
	r := Request{Method: told.Method, Path: told.Path, Scheme: told.Scheme, QueryString: told.Query, BodyBinary: body,
		Query: map[string]string{}, Headers: map[string]string{}}
	for _, pair := range told.Headers {
		if !strings.HasPrefix(pair[0], hidden) {
			r.Headers[pair[0]] = pair[1]
		}
	}
	usual := 80
	if r.Scheme == "https" {
		usual = 443
	}
	host, port, _ := strings.Cut(told.Host, ":")
	r.Host, r.Port = host, usual
	if n, err := strconv.Atoi(port); err == nil {
		r.Port = n
	}
	for _, pair := range strings.Split(told.Query, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			r.Query[name] = value
		}
	}
	r.URL = r.Scheme + "://" + r.Host
	if r.Port != usual {
		r.URL += ":" + strconv.Itoa(r.Port)
	}
	r.URL += r.Path
	if r.QueryString != "" {
		r.URL += "?" + r.QueryString
	}
	return r
}

// BodyText is the body as text.
func (r Request) BodyText() string { return string(r.BodyBinary) }

// BodyJSON decodes the body into target.
func (r Request) BodyJSON(target any) error { return json.Unmarshal(r.BodyBinary, target) }

// Body is the decoded body when the content type is JSON, else text.
func (r Request) Body() (any, error) {
	if !strings.HasPrefix(strings.ToLower(r.Headers["content-type"]), "application/json") {
		return r.BodyText(), nil
	}
	if len(r.BodyBinary) == 0 {
		return map[string]any{}, nil
	}
	var value any
	err := json.Unmarshal(r.BodyBinary, &value)
	return value, err
}

// Response is made by Responder's methods.
type Response struct {
	status  int
	headers [][2]string
	body    []byte
	stream  <-chan []byte
}

// Responder makes responses.
type Responder struct{}

// Option changes a response: Status, Header.
type Option func(*Response)

// Status sets the status.
func Status(code int) Option { return func(r *Response) { r.status = code } }

// Header adds a header; one that is given twice is sent twice.
func Header(name, value string) Option {
	return func(r *Response) { r.headers = append(r.headers, [2]string{strings.ToLower(name), value}) }
}

func (Responder) Binary(body []byte, options ...Option) Response {
	r := Response{status: 200, body: body}
	for _, option := range options {
		option(&r)
	}
	return r
}

func (r Responder) Text(text string, options ...Option) Response {
	return r.Binary([]byte(text), options...)
}

func (r Responder) JSON(value any, options ...Option) Response {
	text, err := json.Marshal(value)
	if err != nil {
		panic(failed("INVALID_OUTPUT", "the value cannot be written as JSON: %v", err))
	}
	return r.Binary(text, append(options, Header("content-type", "application/json"))...)
}

func (r Responder) Empty() Response { return r.Text("", Status(204)) }

func (r Responder) Redirect(url string, options ...Option) Response {
	return r.Text("", append([]Option{Status(301), Header("location", url)}, options...)...)
}

// Stream sends pieces as they come; closing the channel ends the response.
func (r Responder) Stream(pieces <-chan []byte, options ...Option) Response {
	response := r.Binary(nil, options...)
	response.stream = pieces
	return response
}

// head is REPLY's meta.
func (r Response) head() ([]byte, error) {
	if r.status == 0 {
		return nil, failed("INVALID_OUTPUT", "Return statement missing. return context.res.empty() if no response is expected.")
	}
	pairs, kind := [][2]string{}, "text/plain"
	for _, pair := range r.headers {
		if pair[0] == "content-type" {
			kind = pair[1]
		} else if !strings.HasPrefix(pair[0], hidden) {
			pairs = append(pairs, pair)
		}
	}
	if !strings.HasPrefix(strings.ToLower(kind), "multipart/") {
		if kind = strings.ToLower(kind); !strings.Contains(kind, "charset=") {
			kind += "; charset=utf-8"
		}
	}
	return json.Marshal(map[string]any{"status": r.status, "headers": append(pairs, [2]string{"content-type", kind})})
}
