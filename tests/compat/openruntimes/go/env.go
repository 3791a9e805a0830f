package handler

import (
	"os"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	return Context.Res.Text(os.Getenv("CUSTOM_ENV_VAR"))
}
