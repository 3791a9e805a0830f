def main(context):
    return context.res.binary(context.req.body_binary[::-1], 200, {"content-type": context.req.headers["content-type"]})
