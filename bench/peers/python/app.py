"""The usual server of the language with the same function: a WSGI application, for uWSGI and gunicorn."""
import json


def application(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    text = json.dumps(json.loads(environ["wsgi.input"].read(size))).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]
