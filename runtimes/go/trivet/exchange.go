package trivet

import (
	"context"
	"encoding/json"
	"io"
	"sync"
)

// Exchange is one HTTP request and its answer, for packages that bring a form of function of their own, as trivet/web does. An answer is one
// Reply, or a Begin, any number of Writes, and an End.
type Exchange struct {
	Context *Context
	Body    io.ReadCloser
	Length  int // of the body, -1 when it is still coming
	worker  *worker
	id      uint32
	call    *flight
}

// Asked is what a request says besides its body. Names of headers are in lower case, Query is without '?'.
type Asked struct {
	Method, Path, Query, Scheme, Host string
	Headers                           [][2]string
}

type contextKey struct{}

// FromContext gives what is known about a call, from the context of its request; nil for any other.
func FromContext(ctx context.Context) *Context {
	known, _ := ctx.Value(contextKey{}).(*Context)
	return known
}

// ServeExchanges answers requests with answer until the host says that it is enough. It does not return. A refusal fails the load.
func ServeExchanges(answer func(*Exchange) error, refusal error) {
	serve(&worker{exchange: answer, refusal: refusal})
}

func (w *worker) answerExchange(id uint32, call *flight, ctx *Context) error {
	e := &Exchange{Context: ctx, Length: len(call.body), worker: w, id: id, call: call}
	if call.arriving != nil {
		e.Body, e.Length = call.arriving, -1
	} else {
		e.Body = io.NopCloser(&whole{call.body})
	}
	return w.exchange(e)
}

// Asked tells about the request.
func (e *Exchange) Asked() Asked {
	f := e.Context.facts()
	return Asked{f.Method, f.Path, f.Query, f.Scheme, f.Host, f.Headers}
}

// Done is the context of the request: it ends with the call, and FromContext finds the call's own in it.
func (e *Exchange) Done() context.Context {
	return context.WithValue(e.Context.Context, contextKey{}, e.Context)
}

// Reply sends the whole answer.
func (e *Exchange) Reply(status int, headers [][2]string, body []byte) error {
	if e.call.context.Err() != nil {
		return failed("CANCELLED", "the call was cancelled")
	}
	return e.worker.reply(e.id, replyMeta(status, headers), body)
}

// Begin sends the head of an answer whose body follows. The host sends nothing of the request's body after it, so that is taken in first.
func (e *Exchange) Begin(status int, headers [][2]string) error {
	if e.call.arriving != nil {
		if err := e.call.arriving.hold(); err != nil {
			return err
		}
	}
	e.worker.begin(e.id, e.call, replyMeta(status, headers))
	return nil
}

// Write sends a piece of the body, no faster than the host takes it.
func (e *Exchange) Write(piece []byte) error { return e.worker.push(e.id, e.call, piece) }

// End ends the body.
func (e *Exchange) End() error {
	if e.call.context.Err() != nil {
		return failed("CANCELLED", "the stream was cancelled")
	}
	e.worker.write(tChunk, e.id, nil, nil, false)
	return nil
}

func replyMeta(status int, headers [][2]string) []byte {
	if headers == nil {
		headers = [][2]string{}
	}
	meta, _ := json.Marshal(map[string]any{"status": status, "headers": headers})
	return meta
}

// A body that is all here.
type whole struct{ left []byte }

func (b *whole) Read(room []byte) (int, error) {
	if len(b.left) == 0 && len(room) > 0 {
		return 0, io.EOF
	}
	n := copy(room, b.left)
	b.left = b.left[n:]
	return n, nil
}

// A body that comes in CHUNKs. What nobody has read yet is at most what the host may send without credit.
type arriving struct {
	worker *worker
	id     uint32
	call   *flight
	mutex  sync.Mutex
	pieces [][]byte
	ended  bool
	held   bool          // credit is granted for what comes, read or not
	news   chan struct{} // something has come
}

func newArriving(w *worker, id uint32, call *flight) *arriving {
	return &arriving{worker: w, id: id, call: call, pieces: [][]byte{call.body}, news: make(chan struct{}, 1)}
}

func (a *arriving) came(piece []byte, last bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.pieces = append(a.pieces, piece)
	a.ended = last
	if a.held {
		a.grant(len(piece))
	}
	select {
	case a.news <- struct{}{}:
	default:
	}
}

func (a *arriving) grant(size int) {
	if size > 0 && !a.ended {
		a.worker.grant(a.id, size)
	}
}

// wait lets go of the mutex until something has come.
func (a *arriving) wait() error {
	a.mutex.Unlock()
	defer a.mutex.Lock()
	go a.worker.takeOver() // this goroutine may be the one that reads
	select {
	case <-a.news:
		return nil
	case <-a.call.context.Done():
		return failed("CANCELLED", "the call was cancelled before its body was whole")
	}
}

func (a *arriving) Read(room []byte) (int, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for len(room) > 0 {
		if len(a.pieces) > 0 {
			n := copy(room, a.pieces[0])
			if a.pieces[0] = a.pieces[0][n:]; len(a.pieces[0]) == 0 {
				a.pieces = a.pieces[1:]
			}
			if !a.held {
				a.grant(n)
			}
			if n > 0 {
				return n, nil
			}
		} else if a.ended {
			return 0, io.EOF
		} else if err := a.wait(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (a *arriving) Close() error { return nil }

// hold takes in what is left, for whoever reads it later.
func (a *arriving) hold() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if !a.held {
		a.held = true
		size := 0
		for _, piece := range a.pieces {
			size += len(piece)
		}
		a.grant(size)
	}
	for !a.ended {
		if err := a.wait(); err != nil {
			return err
		}
	}
	return nil
}
