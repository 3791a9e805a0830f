%% Compiles Erlang. Modules that others need while they are compiled (parse transforms, behaviours) come first.
-module(trivet_build_erlang).
-export([compile/4, dependencies/1]).

%% [{File, [Module] | {broken, Why}}]
compile(Files, Entry, Ebin, Options) ->
    code:add_patha(Ebin),
    Ordered = first_needed(Files),
    [{File, one(File, File =:= Entry, Ebin, Options)} || File <- Ordered].

one(File, IsEntry, Ebin, #{built := Built, tolerant := Tolerant, program := Program}) ->
    IsProgram = IsEntry andalso Program,
    case lists:member(filename:rootname(filename:basename(File)), Built) of
        true when not IsProgram -> [list_to_atom(filename:rootname(filename:basename(File)))];
        _ ->
            case compile_file(File, IsProgram) of
                {ok, Module, Binary} ->
                    Beam = filename:join(Ebin, atom_to_list(Module) ++ ".beam"),
                    case filelib:is_file(Beam) of
                        true -> trivet_fault:raise(<<"BUILD_FAILED">>, io_lib:format("~ts: the module ~ts is in another file too", [File, Module]));
                        false -> ok = file:write_file(Beam, Binary)
                    end,
                    {module, Module} = code:load_binary(Module, Beam, Binary),
                    [Module];
                {error, Why} when Tolerant -> {broken, Why};
                {error, Why} -> trivet_fault:raise(<<"BUILD_FAILED">>, Why)
            end
    end.

%% A program may be an escript: its first line is no Erlang, main/1 need not be exported, and it may have no module's name.
compile_file(File, IsProgram) ->
    Options = [binary, return, deterministic, debug_info, {i, "include"}, {i, "."}, {i, filename:dirname(File)}],
    Result = case IsProgram of
        true -> forms(File, Options ++ [export_all, nowarn_export_all]);
        false -> compile:file(File, Options)
    end,
    case Result of
        {ok, Module, Binary, Warnings} ->
            io:put_chars(standard_error, told("warning: ", named(File, Warnings))),
            case code:is_sticky(Module) of
                true -> {error, unicode:characters_to_binary(io_lib:format("~ts:1: ~ts is a module of Erlang itself: give it another name", [File, Module]))};
                false -> {ok, Module, Binary}
            end;
        {error, Errors, _} -> {error, told("", named(File, Errors))}
    end.

%% The compiler names the file without its folder.
named(File, All) ->
    Base = filename:basename(File),
    [{case filename:basename(Told) of Base -> File; _ -> Told end, Each} || {Told, Each} <- All].

forms(File, Options) ->
    {ok, Text} = file:read_file(File),
    Name = filename:rootname(filename:basename(File)),
    Shebang = case Text of <<"#!", _/binary>> -> true; _ -> false end,
    HasModule = re:run(Text, "^-module\\(", [multiline]) =/= nomatch,
    Header = if HasModule -> "%%"; true -> io_lib:format("-module('~ts'). %%", [Name]) end,
    case Shebang orelse not HasModule of
        false -> compile:file(File, Options);
        true ->
            Copy = filename:join(lists:concat([filename:join(os:getenv("TMPDIR", "/tmp"), "trivet-build-"), os:getpid()]), Name ++ ".erl"),
            ok = filelib:ensure_dir(Copy),
            ok = file:write_file(Copy, [unicode:characters_to_binary(Header), if Shebang -> Text; true -> [$\n, Text] end]),
            try compile:file(Copy, Options) after file:del_dir_r(filename:dirname(Copy)) end
    end.

told(Kind, All) ->
    unicode:characters_to_binary([place(File, Where) ++ [Kind, Module:format_error(Why), $\n] || {File, Each} <- All, {Where, Module, Why} <- Each]).

place(File, {Line, Column}) -> io_lib:format("~ts:~b:~b: ", [File, Line, Column]);
place(File, Line) when is_integer(Line) -> io_lib:format("~ts:~b: ", [File, Line]);
place(File, _) -> io_lib:format("~ts: ", [File]).

first_needed(Files) ->
    Named = lists:append([needs(File) || File <- Files]),
    {First, Then} = lists:partition(fun(File) -> lists:member(filename:rootname(filename:basename(File)), Named) end, Files),
    First ++ Then.

needs(File) ->
    {ok, Text} = file:read_file(File),
    Pattern = "^-(?:behaviou?r\\(|compile\\(\\{parse_transform,)\\s*'?([a-z]\\w*)",
    case re:run(Text, Pattern, [global, multiline, {capture, [1], list}]) of
        {match, Found} -> lists:append(Found);
        nomatch -> []
    end.

%% Without rebar3: what lies in deps/NAME or _checkouts/NAME is compiled as it is. Their applications are started by who uses them.
dependencies(Output) ->
    Folders = [Folder || Folder <- filelib:wildcard("{deps,_checkouts}/*"), filelib:is_dir(filename:join(Folder, "src"))],
    code:add_pathsa(filelib:wildcard("{deps,_checkouts}/*/ebin")),
    [dependency(Folder, filename:join([Output, "lib", filename:basename(Folder), "ebin"])) || Folder <- Folders],
    [].

dependency(Folder, Ebin) ->
    ok = filelib:ensure_dir(filename:join(Ebin, "x")),
    Files = filelib:wildcard(filename:join(Folder, "src/**/*.erl")),
    code:add_patha(Ebin),
    Include = [{i, filename:join(Folder, "include")}, {i, filename:join(Folder, "src")}, {i, filename:dirname(Folder)}],
    [case compile:file(File, [return_errors, deterministic, debug_info, {outdir, Ebin} | Include]) of
        {error, Errors, _} -> trivet_fault:raise(<<"BUILD_FAILED">>, told("", Errors));
        _ -> ok
    end || File <- first_needed(Files)],
    [begin
        {ok, [{application, App, Facts}]} = file:consult(Source),
        Modules = [list_to_atom(filename:rootname(filename:basename(File))) || File <- Files],
        Target = filename:join(Ebin, atom_to_list(App) ++ ".app"),
        ok = file:write_file(Target, io_lib:format("~tp.~n", [{application, App, lists:keystore(modules, 1, Facts, {modules, Modules})}]))
    end || Source <- filelib:wildcard(filename:join(Folder, "src/*.app.src"))].
