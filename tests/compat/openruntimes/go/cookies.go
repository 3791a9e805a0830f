package handler

import (
	"strings"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	cookies := []string{"cookie=value; path=/", "cookie2=value2; path=/"}
	return Context.Res.Text("ok", Context.Res.WithHeaders(map[string]string{
		"set-cookie": strings.Join(cookies, "\n"),
		"x-other":    "one",
	}))
}
