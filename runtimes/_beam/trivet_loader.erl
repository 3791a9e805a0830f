%% Loads what a build made: OUTPUT/ebin, OUTPUT/lib/*/ebin, and OUTPUT/index, which says what is what (trivet_build).
-module(trivet_loader).
-export([face/1, load/2, index/1]).

face(<<"context">>) -> trivet_context;
face(<<"module">>) -> trivet_module;
face(_) -> trivet_plain.

%% {ok, Handler} or {error, what ERROR says}. A handler is {Module, Function, Arity}; for `module` it is what the index knows.
load(Language, #{<<"interface">> := Interface} = Facts) ->
    Output = binary_to_list(maps:get(<<"output">>, Facts, <<>>)),
    try
        Index = index(Output),
        [{ok, _} = application:ensure_all_started(App) || App <- maps:get(apps, Index)],
        case Interface of
            <<"module">> -> {ok, maps:get(modules, Index)};
            _ -> {ok, handler(Language, face(Interface), maps:get(entry, Index), Facts)}
        end
    catch
        throw:{trivet_fault, _, Message} -> {error, #{message => iolist_to_binary(Message)}};
        error:{badmatch, {error, {App, Reason}}}:_ when is_atom(App) ->
            {error, #{message => unicode:characters_to_binary(io_lib:format("the application ~ts does not start: ~0tp", [App, Reason]))}};
        Class:Reason:Stack -> {error, maps:remove(code, trivet_fault:describe(Language, Class, Reason, Stack))}
    end.

index(Output) ->
    case file:read_file(filename:join(Output, "index")) of
        {ok, Bytes} ->
            Index = binary_to_term(Bytes),
            code:add_pathsa([filename:join(Output, "ebin") | [filename:join([Output, "lib", Lib, "ebin"]) || Lib <- maps:get(libs, Index)]]),
            Index;
        {error, Why} -> trivet_fault:raise(<<"LOAD_FAILED">>, ["there is no build of the function: ", file:format_error(Why)])
    end.

%% `handle`, or what the manifest names: function, or module.function.
handler(Language, Face, Entry, #{<<"entrypoint">> := File, <<"handler">> := Told}) ->
    {Module, Names} = case Told of
        <<>> -> {Entry, [handle, main]};
        _ -> named(Language, Entry, Told)
    end,
    case code:ensure_loaded(Module) of
        {module, Module} -> ok;
        {error, Why} -> trivet_fault:raise(<<"LOAD_FAILED">>, io_lib:format("the module ~ts of ~ts does not load: ~0tp", [name(Module), File, Why]))
    end,
    Fits = [{Module, Name, Arity} || Name <- Names, Arity <- Face:arities(), erlang:function_exported(Module, Name, Arity)],
    case Fits of
        [First | _] -> First;
        [] ->
            Exported = [io_lib:format("~ts/~b", [Name, Arity]) || {Name, Arity} <- Module:module_info(exports), Name =/= module_info, Name =/= '__info__'],
            trivet_fault:raise(<<"LOAD_FAILED">>, io_lib:format("~ts must export ~ts/~b; it exports ~ts", [name(Module), hd(Names), hd(Face:arities()), case Exported of
                [] -> "nothing";
                _ -> lists:join(", ", Exported)
            end]))
    end.

named(Language, Entry, Told) ->
    case {Language, string:split(Told, ".", trailing)} of
        {_, [Function]} -> {Entry, [binary_to_atom(Function)]};
        {elixir, [Module, Function]} -> {binary_to_atom(<<"Elixir.", Module/binary>>), [binary_to_atom(Function)]};
        {erlang, [Module, Function]} -> {binary_to_atom(Module), [binary_to_atom(Function)]}
    end.

name(Module) ->
    case atom_to_list(Module) of
        "Elixir." ++ Name -> Name;
        Name -> Name
    end.
