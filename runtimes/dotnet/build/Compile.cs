// A C# compiler's command line over Roslyn's DLLs, for machines that have these and no SDK: takes what csc takes, as far as build.sh uses it.
using System;
using System.IO;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

internal static class Compile
{
    private static int Main(string[] words)
    {
        string here = Directory.GetCurrentDirectory();
        var told = CSharpCommandLineParser.Default.Parse(words, here, null);
        if (Report(told.Errors)) return 1;
        if (!told.ManifestResources.IsEmpty) return Fail("resources need a .NET SDK");
        var trees = told.SourceFiles.AsParallel().AsOrdered().Select(file =>
        {
            using var stream = File.OpenRead(file.Path);
            return CSharpSyntaxTree.ParseText(SourceText.From(stream, canBeEmbedded: false), told.ParseOptions, file.Path);
        }).ToList();
        var references = told.MetadataReferences.Select(each => MetadataReference.CreateFromFile(Path.Combine(here, each.Reference), each.Properties)).ToList();
        var resolver = new SourceFileResolver(System.Collections.Immutable.ImmutableArray<string>.Empty, told.BaseDirectory, told.PathMap);
        var options = told.CompilationOptions.WithSourceReferenceResolver(resolver);
        var compilation = CSharpCompilation.Create(told.CompilationName, trees, references, options);
        string target = Path.Combine(told.OutputDirectory, told.OutputFileName ?? "out.dll");
        using var output = new MemoryStream();
        var result = compilation.Emit(output, options: told.EmitOptions.WithDebugInformationFormat(DebugInformationFormat.Embedded));
        if (Report(result.Diagnostics) || !result.Success) return 1;
        File.WriteAllBytes(target, output.ToArray());
        return 0;
    }

    private static bool Report(System.Collections.Generic.IEnumerable<Diagnostic> all)
    {
        var shown = all.Where(each => each.Severity >= DiagnosticSeverity.Warning && !each.IsSuppressed).ToList();
        foreach (var each in shown) Console.Out.WriteLine(CSharpDiagnosticFormatter.Instance.Format(each));
        return shown.Any(each => each.Severity == DiagnosticSeverity.Error);
    }

    private static int Fail(string why)
    {
        Console.Out.WriteLine(why);
        return 1;
    }
}
