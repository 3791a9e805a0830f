package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	body := Context.Req.BodyBinary()
	reversed := make([]byte, 0, len(body))
	for i := len(body) - 1; i >= 0; i-- {
		reversed = append(reversed, body[i])
	}
	return Context.Res.Binary(reversed, Context.Res.WithHeaders(map[string]string{
		"content-type": Context.Req.Headers["content-type"],
	}))
}
