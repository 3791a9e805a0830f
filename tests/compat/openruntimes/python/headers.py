def main(context):
    hidden = context.req.headers.get("x-open-runtimes-in", "missing")
    return context.res.text(
        context.req.headers["cookie"] + " " + hidden,
        200,
        {
            "X-Given": context.req.headers["x-given"],
            "x-open-runtimes-out": "hidden",
            "content-type": "text/plain; charset=ISO-8859-1",
        },
    )
