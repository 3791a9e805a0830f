def main(context):
    return context.res.json({"message": "Hello Open Runtimes", "ok": True})
