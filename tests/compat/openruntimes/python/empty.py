def main(context):
    return context.res.empty()
