// A worker that speaks ndjson: one JSON object a line. Calls run side by side; each reply has its call's id.
package main

import (
	"bufio"
	"encoding/json"
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

func main() {
	in := bufio.NewReader(os.Stdin)
	var writing sync.Mutex
	var running sync.WaitGroup
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break // end of file: no more calls
		}
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			panic(err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			out, _ := json.Marshal(answer(c))
			writing.Lock()
			defer writing.Unlock()
			os.Stdout.Write(append(out, '\n'))
		}()
	}
	running.Wait()
}
