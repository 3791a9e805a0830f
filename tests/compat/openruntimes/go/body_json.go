package handler

import "github.com/open-runtimes/types-for-go/v4/openruntimes"

func Main(Context openruntimes.Context) openruntimes.Response {
	var body struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}
	if err := Context.Req.BodyJson(&body); err != nil {
		Context.Error("Cannot parse JSON body")
		return Context.Res.Text("", Context.Res.WithStatusCode(500))
	}
	return Context.Res.Json(map[string]interface{}{"name": body.Name, "tags": len(body.Tags)})
}
