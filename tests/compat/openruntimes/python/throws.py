def main(context):
    raise Exception("kaboom")
