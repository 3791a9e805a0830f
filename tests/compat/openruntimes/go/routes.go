package handler

import (
	"strings"

	"github.com/open-runtimes/types-for-go/v4/openruntimes"
)

func Main(Context openruntimes.Context) openruntimes.Response {
	req, res := Context.Req, Context.Res
	if req.Path == "/users" {
		switch req.Method {
		case "GET":
			return res.Json(map[string][]string{"users": {"ada", "bob"}})
		case "POST":
			return res.Text("created "+req.BodyRaw(), res.WithStatusCode(201))
		}
	}
	if strings.HasPrefix(req.Path, "/users/") {
		id := strings.TrimPrefix(req.Path, "/users/")
		switch req.Method {
		case "PATCH":
			return res.Text("changed " + id)
		case "DELETE":
			return res.Empty()
		}
	}
	return res.Text(req.Method+" "+req.Path+" is not here", res.WithStatusCode(404))
}
