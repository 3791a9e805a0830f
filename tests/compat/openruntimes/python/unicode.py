async def main(context):
    return context.res.json({"greeting": f"Grüße, {context.req.body_text}! 👋"})
