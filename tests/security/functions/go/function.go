// A hostile function: does what `attack` says by the means of this language, and answers what came of it.
package function

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type Input struct {
	Attack    string   `json:"attack"`
	Argument  string   `json:"argument"`
	Arguments []string `json:"arguments"`
}

type Answer struct {
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func opened(path string, flags int) error {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if flags == os.O_RDONLY {
		_, _ = file.Read(make([]byte, 1))
	}
	return nil
}

func connected(address string) error {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		connection.Close()
	}
	return err
}

// A goroutine that keeps its thread.
func tasks(count int) {
	var started sync.WaitGroup
	end := make(chan struct{})
	for i := 0; i < count; i++ {
		started.Add(1)
		go func() {
			runtime.LockOSThread()
			started.Done()
			<-end
		}()
	}
	started.Wait()
	close(end)
}

func memory(mib int) {
	var kept [][]byte
	for i := 0; i < mib; i++ {
		piece := make([]byte, 1<<20)
		for at := range piece {
			piece[at] = 1
		}
		kept = append(kept, piece)
	}
	runtime.KeepAlive(kept)
}

func attack(in Input) (string, error) {
	switch in.Attack {
	case "read":
		return "", opened(in.Argument, os.O_RDONLY)
	case "write":
		return "", opened(in.Argument, os.O_WRONLY|os.O_APPEND)
	case "tcp":
		return "", connected(in.Argument)
	case "kill":
		return "", syscall.Kill(number(in.Argument), 0)
	case "spawn":
		out, err := exec.Command(in.Arguments[0], in.Arguments[1:]...).CombinedOutput()
		if _, ended := err.(*exec.ExitError); ended {
			err = nil
		}
		return string(out), err
	case "environment":
		return strings.Join(os.Environ(), "\n"), nil
	case "tasks":
		tasks(number(in.Argument))
	case "memory":
		memory(number(in.Argument))
	case "print":
		line := strings.Repeat("x", 999)
		for i := number(in.Argument); i > 0; i-- {
			fmt.Println(line)
		}
	case "reply":
		return strings.Repeat("x", number(in.Argument)<<20), nil
	case "spin":
		for {
		}
	}
	return "", nil
}

func Handler(in Input) (Answer, error) {
	detail, err := attack(in)
	if err != nil {
		return Answer{Outcome: err.Error()}, nil
	}
	return Answer{"allowed", detail}, nil
}
