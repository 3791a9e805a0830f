// Package web serves an http.Handler, or a func(http.ResponseWriter, *http.Request), as a function: the interface `http`. It is a package of its own
// so that functions of the other interfaces carry no net/http.
package web

import (
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"trivet"
)

const bufferMost = 64 << 10 // what is written is kept until it is more, until Flush, or until the handler returns

// Serve answers requests with handler. It does not return.
func Serve(handler any) {
	served, refusal := handlerOf(handler)
	trivet.ServeExchanges(func(e *trivet.Exchange) error {
		w := &writer{exchange: e, header: http.Header{}}
		served.ServeHTTP(w, requestOf(e))
		return w.end()
	}, refusal)
}

func handlerOf(handler any) (http.Handler, error) {
	switch h := handler.(type) {
	case func(http.ResponseWriter, *http.Request):
		return http.HandlerFunc(h), nil
	case http.Handler:
		return h, nil
	}
	return nil, fmt.Errorf("the handler is a %T, neither an http.Handler nor a func(http.ResponseWriter, *http.Request)", handler)
}

func requestOf(e *trivet.Exchange) *http.Request {
	asked := e.Asked()
	target := asked.Path
	if asked.Query != "" {
		target += "?" + asked.Query
	}
	at, err := url.ParseRequestURI(target)
	if err != nil {
		at = &url.URL{Path: asked.Path, RawQuery: asked.Query}
	}
	r := &http.Request{Method: asked.Method, URL: at, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, len(asked.Headers)),
		Body: e.Body, ContentLength: int64(e.Length), Host: asked.Host, RequestURI: target}
	for _, pair := range asked.Headers {
		if name := http.CanonicalHeaderKey(pair[0]); name != "Host" {
			r.Header[name] = append(r.Header[name], pair[1])
		}
	}
	if e.Length < 0 {
		if size, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); err == nil {
			r.ContentLength = size
		}
	} else if e.Length == 0 {
		r.Body = http.NoBody
	}
	return r.WithContext(e.Done())
}

// writer is the http.ResponseWriter. An answer that is short, and not flushed, is sent as a whole.
type writer struct {
	exchange *trivet.Exchange
	header   http.Header
	status   int         // 0 until WriteHeader
	sent     [][2]string // the headers as they were then
	buffer   []byte
	typed    bool
	begun    bool  // the head is sent
	failure  error // of a Flush: nobody waits for the answer any more
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		return // informational: there is no way to send them
	}
	if w.status != 0 {
		log.Printf("http: superfluous WriteHeader(%d), the status is %d", status, w.status)
		return
	}
	w.status = status
	for name, values := range w.header {
		w.typed = w.typed || name == "Content-Type" && len(values) > 0
		for _, value := range values {
			w.sent = append(w.sent, [2]string{strings.ToLower(name), value})
		}
	}
}

func (w *writer) Write(piece []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if w.failure != nil {
		return 0, w.failure
	}
	w.buffer = append(w.buffer, piece...)
	if len(w.buffer) > bufferMost {
		if err := w.FlushError(); err != nil {
			return 0, err
		}
	}
	return len(piece), nil
}

// head is what is sent before the body, with its type told by its beginning when nothing else does.
func (w *writer) head() [][2]string {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.typed && len(w.buffer) > 0 {
		w.sent = append(w.sent, [2]string{"content-type", http.DetectContentType(w.buffer)})
	}
	return w.sent
}

// Flush sends what was written so far.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController looks for.
func (w *writer) FlushError() error {
	if w.failure == nil && !w.begun {
		head := w.head()
		w.failure = w.exchange.Begin(w.status, head)
		w.begun = true
	}
	if w.failure == nil {
		w.failure = w.exchange.Write(w.buffer)
	}
	w.buffer = w.buffer[:0]
	return w.failure
}

func (w *writer) end() error {
	if !w.begun {
		head := w.head()
		return w.exchange.Reply(w.status, head, w.buffer)
	}
	if err := w.FlushError(); err != nil {
		return err
	}
	return w.exchange.End()
}
