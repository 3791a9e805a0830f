package handler

import (
	"strconv"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	body := Context.Req.BodyBinary()
	return Context.Res.Binary(body, Context.Res.WithHeaders(map[string]string{"x-size": strconv.Itoa(len(body))}))
}
