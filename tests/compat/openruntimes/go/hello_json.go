package handler

import (
	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

type Hello struct {
	Message string `json:"message"`
	Ok      bool   `json:"ok"`
}

func Main(Context openruntimes.Context) openruntimes.Response {
	return Context.Res.Json(Hello{Message: "Hello Open Runtimes", Ok: true})
}
