package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) (response openruntimes.Response) {
	Context.Res.Text("This should be ignored, as it is not returned.")
	return
}
