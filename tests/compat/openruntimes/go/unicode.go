package handler

import (
	"fmt"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	return Context.Res.Json(map[string]interface{}{
		"greeting": fmt.Sprintf("Grüße, %s! 👋", Context.Req.BodyText()),
	})
}
