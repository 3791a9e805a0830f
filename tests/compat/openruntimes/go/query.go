package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	return Context.Res.Json(Context.Req.Query, Context.Res.WithHeaders(map[string]string{
		"x-query": Context.Req.QueryString,
	}))
}
