def handler(input, ctx):
    return input
