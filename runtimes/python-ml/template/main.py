import numpy


def handler(input, ctx):
    """Called once per request. numpy and scikit-learn are loaded before the function is."""
    name = (input or {}).get("name", "World")
    points = numpy.linspace(0, numpy.pi, 1001)
    area = float(numpy.sum((numpy.sin(points[1:]) + numpy.sin(points[:-1])) / 2) * (points[1] - points[0]))
    return {"message": f"Hello, {name}!", "area_under_sine": round(area, 4)}
