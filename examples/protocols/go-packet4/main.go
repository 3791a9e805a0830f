// A worker that speaks packet4: four bytes of big-endian length, then JSON. Calls run side by side; each reply has its call's id.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"sync"
)

type call struct {
	ID       uint64            `json:"id"`
	Function string            `json:"function"`
	Args     []json.RawMessage `json:"args"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type reply struct {
	ID     uint64   `json:"id"`
	Result any      `json:"result"`
	Error  *failure `json:"error,omitempty"`
}

func answer(c call) reply {
	function, known := functions[c.Function]
	if !known {
		return reply{ID: c.ID, Error: &failure{"NO_SUCH_FUNCTION", "there is no function " + c.Function}}
	}
	result, err := function(c.Args)
	if err != nil {
		return reply{ID: c.ID, Error: &failure{"BAD_ARGUMENTS", err.Error()}}
	}
	return reply{ID: c.ID, Result: result}
}

func read(in io.Reader) ([]byte, error) {
	var size uint32
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	message := make([]byte, size)
	_, err := io.ReadFull(in, message)
	return message, err
}

func main() {
	in := bufio.NewReader(os.Stdin)
	var writing sync.Mutex
	var running sync.WaitGroup
	for {
		message, err := read(in)
		if err != nil {
			break // end of file: no more calls
		}
		var c call
		if err := json.Unmarshal(message, &c); err != nil {
			panic(err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			out, _ := json.Marshal(answer(c))
			writing.Lock()
			defer writing.Unlock()
			os.Stdout.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(out))), out...))
		}()
	}
	running.Wait()
}
