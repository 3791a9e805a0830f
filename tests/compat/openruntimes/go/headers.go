package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	hidden, ok := Context.Req.Headers["x-open-runtimes-in"]
	if !ok {
		hidden = "missing"
	}
	return Context.Res.Text(Context.Req.Headers["cookie"]+" "+hidden, Context.Res.WithHeaders(map[string]string{
		"X-Given":             Context.Req.Headers["x-given"],
		"x-open-runtimes-out": "hidden",
		"content-type":        "text/plain; charset=ISO-8859-1",
	}))
}
