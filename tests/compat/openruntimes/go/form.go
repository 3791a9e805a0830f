package handler

import (
	"net/url"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	form, err := url.ParseQuery(Context.Req.Body().(string))
	if err != nil {
		return Context.Res.Text(err.Error(), Context.Res.WithStatusCode(400))
	}
	return Context.Res.Json(map[string]string{"name": form.Get("name"), "age": form.Get("age")})
}
