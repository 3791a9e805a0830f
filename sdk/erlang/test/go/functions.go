package function

import (
	"errors"
	"os"
	"strings"
	"time"

	"trivet"
)

func fibonacci(n int) int {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	return a
}

func batchSum(numbers []int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

func reverse(text string) string {
	letters := []rune(text)
	for i, j := 0, len(letters)-1; i < j; i, j = i+1, j-1 {
		letters[i], letters[j] = letters[j], letters[i]
	}
	return string(letters)
}

func processUser(user map[string]any) map[string]any {
	user["name"] = strings.ToUpper(user["name"].(string))
	user["email"] = strings.ToLower(user["email"].(string))
	user["processed"] = true
	return user
}

func sleep(ctx *trivet.Context, ms int, value ...any) (any, error) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if len(value) == 0 {
		return nil, nil
	}
	return value[0], nil
}

func mark(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

func marks(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}

func init() {
	trivet.Register("math", "add", func(a, b int) int { return a + b })
	trivet.Register("math", "fibonacci", fibonacci)
	trivet.Register("math", "batch_sum", batchSum)
	trivet.Register("string", "reverse", reverse)
	trivet.Register("", "echo", func(value any) any { return value }) // of any module
	trivet.Register("work", "process_user", processUser)
	trivet.Register("work", "sleep", sleep)
	trivet.Register("work", "pid", os.Getpid)
	trivet.Register("work", "variable", os.Getenv)
	trivet.Register("work", "mark", mark)
	trivet.Register("work", "marks", marks)
	trivet.Register("work", "crash", func() { os.Exit(3) })
	trivet.Register("work", "fail", func(message string) error { return errors.New(message) })
	trivet.Register("work", "numbers", func(n int) []int {
		numbers := make([]int, n)
		for i := range numbers {
			numbers[i] = i
		}
		return numbers
	})
	trivet.Register("work", "later", func(value any) any { return value })
}
