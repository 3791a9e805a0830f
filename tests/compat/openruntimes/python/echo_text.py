def main(context):
    return context.res.text(context.req.body_text)
