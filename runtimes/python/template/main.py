def handler(input, ctx):
    """Called once per request. `input` is the JSON body; what is returned becomes the reply."""
    name = (input or {}).get("name", "World")
    ctx.log.info("greeting", {"name": name})
    return {"message": f"Hello, {name}!"}
