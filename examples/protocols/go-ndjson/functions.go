package main

import "encoding/json"

var functions = map[string]func([]json.RawMessage) (any, error){
	"add":       add,
	"reverse":   reverse,
	"fibonacci": fibonacci,
	"batch_sum": batchSum,
	"echo":      func(args []json.RawMessage) (any, error) { return args[0], nil },
}

func add(args []json.RawMessage) (any, error) {
	var sum float64
	for _, arg := range args {
		var number float64
		if err := json.Unmarshal(arg, &number); err != nil {
			return nil, err
		}
		sum += number
	}
	return sum, nil
}

func reverse(args []json.RawMessage) (any, error) {
	var text string
	if err := json.Unmarshal(args[0], &text); err != nil {
		return nil, err
	}
	letters := []rune(text)
	for i, j := 0, len(letters)-1; i < j; i, j = i+1, j-1 {
		letters[i], letters[j] = letters[j], letters[i]
	}
	return string(letters), nil
}

// Slow on purpose.
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func fibonacci(args []json.RawMessage) (any, error) {
	var n int
	err := json.Unmarshal(args[0], &n)
	return fib(n), err
}

func batchSum(args []json.RawMessage) (any, error) {
	var batches [][]float64
	if err := json.Unmarshal(args[0], &batches); err != nil {
		return nil, err
	}
	sums := make([]float64, len(batches))
	for i, batch := range batches {
		for _, number := range batch {
			sums[i] += number
		}
	}
	return sums, nil
}
