"""A small Flask application as a function: what it measures is kept in a session cookie, and reports are streamed.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    trivet serve .            # then http://127.0.0.1:7000/function/python-flask/
"""
import csv
import io
import os
import statistics

from flask import Flask, Response, abort, jsonify, render_template_string, request, session

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only for trying it out")

PAGE = """<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>
<ul>{% for name, value in figures.items() %}<li>{{ name }}: {{ "%.2f"|format(value) }}</li>{% else %}<li>nothing yet</li>{% endfor %}</ul>
"""


def figures_of(values):
    return {"count": len(values), "mean": statistics.fmean(values), "median": statistics.median(values)}


@app.get("/")
def page():
    return render_template_string(PAGE, title=request.args.get("title", "Measured"), figures=session.get("figures", {}))


@app.post("/measure")
def measure():
    """Figures of a column of an uploaded CSV file."""
    upload = request.files.get("table")
    if upload is None:
        abort(400, "send a file called table")
    rows = csv.DictReader(io.TextIOWrapper(upload.stream, "utf-8", newline=""))
    session["figures"] = figures_of([float(row[request.form["column"]]) for row in rows])
    return jsonify(session["figures"])


@app.get("/squares.csv")
def squares():
    """As many lines as are asked for, written while they are sent."""
    count = int(request.args["count"])  # the request is over when the lines are written

    def lines():
        yield "n,square\n"
        for n in range(count):
            yield f"{n},{n * n}\n"

    return Response(lines(), mimetype="text/csv")
