package trivet

import (
	"encoding/binary"
	"io"
	"os"
	"sync"
	"syscall"
)

const (
	tLoad, tCall, tChunk, tCancel, tPing, tAnswer            = 1, 2, 3, 4, 5, 6
	tDrain, tCredit                                          = 8, 9
	tHello, tReady, tReply, tError, tLog, tPong, tAsk, tBusy = 65, 66, 67, 68, 69, 70, 71, 74
	fdIn, fdOut, flagMore, headerSize, chunkSize, bufferSize = 3, 4, 1, 16, 64 << 10, 64 << 10
	metaMost, textMost                                       = 1 << 20, 64 << 10 // bytes of meta; of a message, a stack or a log line
)

// A frame of docs/formats/frame.md. meta and body are its own memory.
type frame struct {
	kind, flags byte
	call        uint32
	meta, body  []byte
}

// The two pipes. One goroutine reads at a time, with a plain blocking read: calls run on the goroutine that read them, so the thread that it keeps
// is the one that goes on. (Handing each call to another goroutine through the runtime's poller: 19 us a call instead of 8.)
type pipes struct {
	in      []byte
	begin   int
	writing sync.Mutex
	out     []byte
}

func (p *pipes) read() (frame, error) {
	if err := p.need(headerSize); err != nil {
		return frame{}, err
	}
	head := p.in[p.begin:]
	length := int(binary.BigEndian.Uint32(head)) + 4
	metaLength := int(binary.BigEndian.Uint32(head[12:]))
	if err := p.need(length); err != nil {
		return frame{}, err
	}
	whole := append([]byte(nil), p.in[p.begin:p.begin+length]...)
	p.begin += length
	return frame{whole[4], whole[5], binary.BigEndian.Uint32(whole[8:]), whole[headerSize : headerSize+metaLength], whole[headerSize+metaLength:]}, nil
}

// Makes sure that size unread bytes are in the buffer.
func (p *pipes) need(size int) error {
	for len(p.in)-p.begin < size {
		if p.begin > 0 {
			p.in = p.in[:copy(p.in, p.in[p.begin:])]
			p.begin = 0
		}
		have := len(p.in)
		if cap(p.in)-have < bufferSize || cap(p.in) < size {
			grown := make([]byte, have, max(size, 2*have)+bufferSize)
			copy(grown, p.in)
			p.in = grown
		}
		n, err := p.readSome(p.in[have:cap(p.in)])
		if err != nil {
			return err
		}
		p.in = p.in[:have+n]
	}
	return nil
}

func (p *pipes) readSome(room []byte) (int, error) {
	for {
		n, err := syscall.Read(fdIn, room)
		if n == 0 && err == nil {
			err = io.EOF
		}
		if err != syscall.EINTR {
			return n, err
		}
	}
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func (p *pipes) write(kind byte, call uint32, meta, body []byte, more bool) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.out = append(p.out[:0], 0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(p.out, uint32(headerSize-4+len(meta)+len(body)))
	if more {
		p.out[5] = flagMore
	}
	binary.BigEndian.PutUint32(p.out[8:], call)
	binary.BigEndian.PutUint32(p.out[12:], uint32(len(meta)))
	p.out = append(append(p.out, meta...), body...)
	for left := p.out; len(left) > 0; {
		n, err := syscall.Write(fdOut, left)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			os.Exit(1) // the host is gone
		}
		left = left[n:]
	}
	if cap(p.out) > 4*bufferSize {
		p.out = nil
	}
}
