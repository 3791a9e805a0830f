package trivet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Serve answers calls with function until the host says that it is enough. It does not return.
func Serve(function any) { serve(&worker{function: function}) }

func serve(w *worker) {
	for _, fd := range []int{fdIn, fdOut} {
		syscall.CloseOnExec(fd)
	}
	w.flights = map[uint32]*flight{}
	hello := fmt.Sprintf(`{"protocol":1,"runtime":"go","version":%q,"concurrency":0,"features":["cancel","stream"]}`, strings.TrimPrefix(runtime.Version(), "go"))
	w.write(tHello, 0, []byte(hello), nil, false)
	w.lent.timer = time.AfterFunc(time.Hour, w.takeOver)
	w.serve()
	select {} // another goroutine serves, and ends the process
}

// serve takes frame after frame. A call runs here, on the goroutine that read it: to hand it to another one costs as much as all the rest. When it
// takes longer than lendTime another goroutine goes on reading, for CANCEL and for other calls, and this one ends with its call.
func (w *worker) serve() {
	for {
		frame, err := w.read()
		if err != nil {
			break
		}
		call := w.take(frame)
		if call == nil {
			continue
		}
		w.lent.reading.Store(true)
		w.lent.timer.Reset(w.plan.lendTime())
		w.run(frame.call, call)
		if !w.lent.reading.CompareAndSwap(true, false) {
			return
		}
		w.lent.timer.Stop()
	}
	w.end()
}

// drain ends as the host asks: it gives what outlasts the calls more time when it knows of it.
func (w *worker) drain() {
	w.running.Wait()
	if w.lingerers.Load() > 0 {
		w.write(tBusy, 0, nil, nil, false)
	}
	w.end()
}

// end waits for the calls in flight, and for what they have left running.
func (w *worker) end() {
	w.running.Wait()
	w.lingering.Wait()
	os.Exit(0)
}

func (w *worker) takeOver() {
	if w.lent.reading.CompareAndSwap(true, false) {
		w.serve()
	}
}

// take does what a frame asks for. A call that is complete is given back, to be run.
func (w *worker) take(f frame) *flight {
	switch f.kind {
	case tLoad:
		w.load(f.meta)
	case tCall:
		ctx, cancel := context.WithCancel(context.Background())
		call := &flight{meta: f.meta, body: f.body, context: ctx, cancel: cancel, begun: f.flags&flagMore == 0}
		if !call.begun && w.exchange != nil {
			call.arriving, call.begun = newArriving(w, f.call, call), true
		}
		w.mutex.Lock()
		w.flights[f.call] = call
		w.mutex.Unlock()
		w.running.Add(1)
		if call.begun {
			return call
		}
	case tDrain:
		go w.drain() // calls in flight may wait for frames yet
	case tPing:
		w.write(tPong, 0, nil, f.body, false)
	case tChunk, tCancel, tCredit, tAnswer:
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if call := w.flights[f.call]; call != nil {
			return w.about(call, f)
		}
	}
	return nil
}

// about takes a frame about a call in flight. The mutex is held.
func (w *worker) about(call *flight, f frame) *flight {
	switch f.kind {
	case tCancel:
		call.cancel()
		if !call.begun { // nobody runs it, nobody else will answer
			delete(w.flights, f.call)
			w.failed(f.call, call, failed("CANCELLED", "the call was cancelled before its body was whole"), nil)
			w.running.Done()
		}
	case tAnswer:
		call.answered(f)
	case tCredit:
		var grant struct{ Bytes int }
		_ = json.Unmarshal(f.meta, &grant)
		call.window += grant.Bytes
		select {
		case call.granted <- struct{}{}:
		default: // it is told already, or nothing streams
		}
	case tChunk:
		if call.arriving != nil {
			call.arriving.came(f.body, f.flags&flagMore == 0)
		}
		if call.begun {
			return nil
		}
		call.body = append(call.body, f.body...)
		call.begun = f.flags&flagMore == 0
		if call.begun {
			return call
		}
		w.grant(f.call, len(f.body))
	}
	return nil
}
