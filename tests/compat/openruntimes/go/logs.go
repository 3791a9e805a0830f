package handler

import (
	"errors"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	Context.Log("Debug log")
	Context.Log(42)
	Context.Log("engine:", "open-runtimes")
	Context.Error(errors.New("Error log"))
	return Context.Res.Text("logged")
}
