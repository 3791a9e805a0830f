"""The `module` interface: a call names a module below the function's folder and a function in it (runtimes/CONTRACT.md)."""
import importlib
import importlib.machinery
import importlib.util
import json
import sys

find_spec = importlib.machinery.PathFinder.find_spec


class Modules:
    """Finds functions by the names that calls carry, and remembers them. `failure` is how the shim says a named error."""

    def __init__(self, folder, failure):
        self.folder, self.failure, self.known = folder, failure, {}

    def handler(self, meta, body):
        """What the call's function returns."""
        try:
            args = json.loads(body) if body else []
        except ValueError as error:
            raise self.failure("INVALID_INPUT", "the arguments are not JSON: %s" % error) from None
        if args.__class__ is not list:
            raise self.failure("INVALID_INPUT", "the arguments are not a list")
        tail = meta[meta.rfind(b'"module":'):]  # the names end the meta; in no text does the mark stand unescaped
        return (self.known.get(tail) or self.find(tail, json.loads(meta)))(*args)

    def find(self, tail, facts):
        module, function = facts.get("module") or "", facts.get("function") or ""
        found = self.load(module)
        for name in function.split("."):
            if name.startswith("_") or not hasattr(found, name):
                raise self.failure("FUNCTION_NOT_FOUND", "the module %s has no function %s" % (module, function))
            found = getattr(found, name)
        if not callable(found):
            raise self.failure("FUNCTION_NOT_FOUND", "%s in the module %s is not a function" % (function, module))
        self.known[tail] = found
        return found

    def load(self, module):
        top, _, rest = module.partition(".")
        spec = find_spec(top, [self.folder]) if top else None
        if spec is None:
            raise self.failure("FUNCTION_NOT_FOUND", "there is no module %s in %s" % (module, self.folder))
        elsewhere = [place for place in sys.path if place != self.folder]
        if not rest and (top in sys.builtin_module_names or find_spec(top, elsewhere)):
            return self.beside(spec, top)
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name and (module == error.name or module.startswith(error.name + ".")):
                raise self.failure("FUNCTION_NOT_FOUND", "there is no module %s in %s" % (module, self.folder)) from None
            raise

    @staticmethod
    def beside(spec, top):
        """A module math.py of the folder: calls find it, and `import math` is still the library's."""
        name = "function." + top
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, spec.origin)
            sys.modules[name] = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(sys.modules[name])
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]
