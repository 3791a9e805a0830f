def main(context):
    context.res.text("This should be ignored, as it is not returned.")
