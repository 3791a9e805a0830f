from urllib.parse import parse_qs


async def main(context):
    form = parse_qs(context.req.body)
    return context.res.json({"name": form["name"][0], "age": form["age"][0]})
