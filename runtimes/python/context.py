"""The `context` interface: the open-runtimes form of a function's request and response (runtimes/CONTRACT.md)."""
import json

from frames import meta_of

HIDDEN = "x-open-runtimes-"
LOG_LINE_MAX = 8000


class NotAReply(Exception):
    pass


class Request:
    def __init__(self, head, body):
        self.method, self.path = head["method"], head["path"]
        self.scheme, self.query_string, self.body_binary = head["scheme"], head["query"], body
        self.headers = {name: value for name, value in head["headers"] if not name.startswith(HIDDEN)}
        host, _, port = head["host"].partition(":")
        self.host, self.port = host, int(port) if port.isdigit() else (443 if self.scheme == "https" else 80)
        self.query = {}
        for pair in self.query_string.split("&"):
            name, _, value = pair.partition("=")
            if name:
                self.query[name] = value

    @property
    def url(self):
        usual = self.port == (443 if self.scheme == "https" else 80)
        return "%s://%s%s%s%s" % (self.scheme, self.host, "" if usual else ":%d" % self.port, self.path,
                                  "?" + self.query_string if self.query_string else "")

    @property
    def body_text(self):
        return self.body_binary.decode("utf-8", "replace")

    body_raw = body_text

    @property
    def body_json(self):
        return json.loads(self.body_binary)

    @property
    def body(self):
        if self.headers.get("content-type", "").lower().startswith("application/json"):
            return json.loads(self.body_binary) if self.body_binary else {}
        return self.body_text


class Response:
    """What res.* made: status, headers, payload."""

    def __init__(self, status, headers, payload):
        self.status, self.headers, self.payload = status, headers, payload


class Responder:
    def binary(self, body, status=200, headers=None):
        return Response(status, headers or {}, bytes(body))

    def text(self, body, status=200, headers=None):
        return self.binary(str(body).encode(), status, headers)

    send = text

    def json(self, value, status=200, headers=None):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self.text(text, status, {**(headers or {}), "content-type": "application/json"})

    def empty(self):
        return self.text("", 204)

    def redirect(self, url, status=301, headers=None):
        return self.text("", status, {**(headers or {}), "location": url})

    def stream(self, pieces, status=200, headers=None):
        return Response(status, headers or {}, pieces)

    @staticmethod
    def finished(reply):
        """The REPLY's meta and payload of what a handler returned."""
        if not isinstance(reply, Response):
            raise NotAReply("Return statement missing. return context.res.empty() if no response is expected.")
        headers = {name.lower(): value for name, value in reply.headers.items()}
        kind = headers.get("content-type", "text/plain")
        if not kind.lower().startswith("multipart/"):
            kind = kind.lower()
            if "charset=" not in kind:
                kind += "; charset=utf-8"
        headers["content-type"] = kind
        pairs = []
        for name, value in headers.items():
            if name.startswith(HIDDEN):
                continue
            pairs += [[name, str(v)] for v in (value if isinstance(value, (list, tuple)) else [value])]
        return meta_of({"status": reply.status, "headers": pairs}), reply.payload


class HttpContext:
    def __init__(self, head, body, log, sdk):
        self.req, self.res, self._log, self.sdk = Request(head, body), Responder(), log, sdk

    @staticmethod
    def _line(values):
        words = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, separators=(",", ":"), default=str) for v in values]
        return " ".join(words)[:LOG_LINE_MAX]

    def log(self, *values):
        self._log.info(self._line(values))

    def error(self, *values):
        self._log.error(self._line(values))
