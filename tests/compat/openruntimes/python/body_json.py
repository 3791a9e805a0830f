def main(context):
    body = context.req.body_json
    return context.res.json({"name": body["name"], "tags": len(body["tags"])})
