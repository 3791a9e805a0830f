package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	Context.Res.Text("This should be ignored.")
	return Context.Res.Text("I am a teapot", Context.Res.WithStatusCode(418))
}
