package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	req := Context.Req
	return Context.Res.Json(map[string]interface{}{
		"method":      req.Method,
		"scheme":      req.Scheme,
		"host":        req.Host,
		"port":        req.Port,
		"path":        req.Path,
		"queryString": req.QueryString,
		"url":         req.Url,
	})
}
