"""Compiles one C# program with Roslyn's DLLs where there is no C# compiler to run: Python asks Roslyn, through Python.NET.

    bootstrap.py DOTNET_ROOT ROSLYN PYTHONNET OUTPUT SOURCE

Used once, for the compiler's own program (Compile.cs); from then on that one compiles.
"""
import ctypes
import glob
import json
import os
import sys

root, roslyn, pythonnet, output, source = sys.argv[1:]


def start_runtime(config):
    """The runtime in this process, and Python.NET in it: `import clr` works after this. Two calls of hostfxr's C interface, no more."""
    fxr = ctypes.CDLL(sorted(glob.glob(root + "/host/fxr/*/libhostfxr.so"))[-1])
    handle, get = ctypes.c_void_p(), ctypes.c_void_p()
    code = fxr.hostfxr_initialize_for_runtime_config(config.encode(), None, ctypes.byref(handle))
    if code not in (0, 1, 2):
        raise SystemExit("the .NET runtime does not start: hostfxr says 0x%08x" % (code & 0xFFFFFFFF))
    load_assembly_and_get_function_pointer = 5
    if fxr.hostfxr_get_runtime_delegate(handle, load_assembly_and_get_function_pointer, ctypes.byref(get)):
        raise SystemExit("the .NET runtime gives no way to load an assembly")
    entry = ctypes.c_void_p()
    find = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_char_p] * 4, ctypes.c_void_p, ctypes.c_void_p)(get.value)
    code = find((pythonnet + "/pythonnet/runtime/Python.Runtime.dll").encode(), b"Python.Runtime.Loader, Python.Runtime", b"Initialize",
                None, None, ctypes.byref(entry))
    if code or ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int)(entry.value)(b"", 0):
        raise SystemExit("Python.NET does not start: 0x%08x" % (code & 0xFFFFFFFF))


os.makedirs(os.path.dirname(output), exist_ok=True)
config = output + ".boot.json"
framework = sorted(glob.glob(root + "/shared/Microsoft.NETCore.App/*"))[-1]
with open(config, "w") as file:
    json.dump({"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": os.path.basename(framework)},
                                  "configProperties": {"System.Globalization.Invariant": True}}}, file)
start_runtime(config)
os.remove(config)
sys.path.insert(0, pythonnet)
import clr  # noqa: E402

for name in ("Microsoft.CodeAnalysis", "Microsoft.CodeAnalysis.CSharp"):
    clr.AddReference(f"{roslyn}/{name}.dll")
from Microsoft.CodeAnalysis import MetadataReference, OptimizationLevel, OutputKind, SyntaxTree  # noqa: E402
from Microsoft.CodeAnalysis.CSharp import CSharpCompilation, CSharpCompilationOptions, CSharpSyntaxTree  # noqa: E402
from System import Array  # noqa: E402
from System.IO import File  # noqa: E402

with open(source) as file:
    tree = CSharpSyntaxTree.ParseText(file.read())
names = glob.glob(framework + "/*.dll") + [f"{roslyn}/Microsoft.CodeAnalysis.dll", f"{roslyn}/Microsoft.CodeAnalysis.CSharp.dll"]
options = CSharpCompilationOptions(OutputKind.ConsoleApplication).WithOptimizationLevel(OptimizationLevel.Release)
compilation = CSharpCompilation.Create(os.path.basename(output)[:-4], Array[SyntaxTree]([tree]),
                                       Array[MetadataReference]([MetadataReference.CreateFromFile(name) for name in names]), options)
stream = File.Create(output)
result = compilation.Emit(stream)
stream.Dispose()
if not result.Success:
    raise SystemExit("\n".join(str(each) for each in result.Diagnostics if each.WarningLevel == 0))
os._exit(0)  # two runtimes in one process need not agree on how to end
