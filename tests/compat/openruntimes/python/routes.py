import re


def main(context):
    req, res = context.req, context.res
    if req.method == "GET" and req.path == "/users":
        return res.json({"users": ["ada", "bob"]})
    if req.method == "POST" and req.path == "/users":
        return res.text("created " + req.body_raw, 201)
    one = re.fullmatch(r"/users/(\d+)", req.path)
    if one and req.method == "PATCH":
        return res.text("changed " + one[1])
    if one and req.method == "DELETE":
        return res.empty()
    return res.text(f"{req.method} {req.path} is not here", 404)
