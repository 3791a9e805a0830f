def main(context):
    body = context.req.body_binary
    return context.res.binary(body, 200, {"x-size": str(len(body))})
