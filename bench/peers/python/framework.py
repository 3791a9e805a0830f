"""The same function for functions-framework."""


def echo(request):
    return request.get_json()
