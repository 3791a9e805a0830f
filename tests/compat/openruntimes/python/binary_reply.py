def main(context):
    return context.res.binary(b"\x89PNG\r\n\x1a\n\x00\xff", 200, {"content-type": "image/png"})
