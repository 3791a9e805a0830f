import os


def main(context):
    return context.res.text(os.environ.get("CUSTOM_ENV_VAR", None))
