package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	if Context.Req.Path == "/temporary" {
		return Context.Res.Redirect("https://example.com/?a=b&c=d", Context.Res.WithStatusCode(302))
	}
	return Context.Res.Redirect("https://github.com/")
}
