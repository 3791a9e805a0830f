%% Builds a function: compiles what its folder has into OUTPUT/ebin and its dependencies into OUTPUT/lib/*/ebin, and writes OUTPUT/index:
%%
%%     #{entry => Module | script | none, modules => #{Name => Module | {broken, Why}}, apps => [App], libs => [Folder]}
%%
%% as a term in the external format.
%%
%% A folder with a rebar.config or a mix.exs is built by rebar3 or mix, in a copy; any other by the compiler alone. Before that, another step brings what such a project depends
%% on. Runs in the function's folder and writes nothing there.
-module(trivet_build).
-export([start/1]).

start([Language]) ->
    spawn(fun() ->
        code:del_path("."),
        try step(Language, init:get_plain_arguments()) of
            ok -> erlang:halt(0)
        catch
            throw:{trivet_fault, _, Why} -> fail(Why);
            Class:Reason:Stack -> fail(io_lib:format("~ts: ~0tp~n~0tp", [Class, Reason, Stack]))
        end
    end).

-spec fail(iodata()) -> no_return().
fail(Why) ->
    io:put_chars(standard_error, unicode:characters_to_binary([Why, $\n])),
    erlang:halt(1).

step(_, ["dependencies", _, "yes", _]) -> ok;
step(Language, ["dependencies", Output, "no", Cache]) -> trivet_build_project:dependencies(element(1, tool(Language)), Output, Cache);
step(Language, [Output, Entry, Interface, Lone, Cache]) ->
    Index = build(Language, Output, Cache, Entry, Interface, Lone =:= "yes"),
    ok = file:write_file(filename:join(Output, "index"), term_to_binary(Index, [deterministic])).

tool(elixir) -> {"mix", "mix.exs"};
tool(erlang) -> {"rebar3", "rebar.config"}.

build(Language, Output, Cache, Entry, Interface, Lone) ->
    filelib:is_file(Entry) orelse Interface =:= "module" orelse trivet_fault:raise(<<"BUILD_FAILED">>, [Entry, ": there is no such file"]),
    Ebin = filename:join(Output, "ebin"),
    ok = filelib:ensure_dir(filename:join(Ebin, "x")),
    Compile = case Language of elixir -> fun trivet_build_elixir:compile/4; erlang -> fun trivet_build_erlang:compile/4 end,
    {Tool, Project} = tool(Language),
    Apps = case not Lone andalso filelib:is_file(Project) of
        true -> trivet_build_project:build(Tool, Output, Cache);
        false -> if Lone -> []; true -> trivet_build_erlang:dependencies(Output) end
    end,
    code:add_pathsa(filelib:wildcard(filename:join(Output, "lib/*/ebin"))),
    Built = [Name || Path <- filelib:wildcard(filename:join(Output, "lib/*/ebin/*.beam")), Name <- [filename:basename(Path, ".beam")]],
    Found = Compile(sources(Language, Entry, Lone, Apps =/= []), Entry, Ebin, #{built => Built, tolerant => Interface =:= "module", program => is_program(Interface)}),
    Modules = maps:from_list(lists:append([names(Language, File, Made) || {File, Made} <- Found])),
    Main = case lists:keyfind(Entry, 1, Found) of
        {_, [_ | _] = Made} -> hd([Each || Each <- Made, has_handler(Each)] ++ Made);
        {_, script} -> script;
        _ when Interface =:= "module" -> none;
        _ -> trivet_fault:raise(<<"BUILD_FAILED">>, [Entry, ": no module is defined here"])
    end,
    Libs = [filename:basename(filename:dirname(Path)) || Path <- filelib:wildcard(filename:join(Output, "lib/*/ebin"))],
    #{entry => Main, modules => Modules, apps => Apps, libs => Libs}.

%% Of several modules in a file the one that has the handler is meant.
has_handler(Module) ->
    lists:any(fun({Name, _}) -> Name =:= handle orelse Name =:= main end, Module:module_info(exports)).

is_program(Interface) -> not lists:member(Interface, ["json", "context", "module"]).

%% The files of the function itself. A project's are compiled already, all but an entrypoint that lies beside them.
sources(_, Entry, true, _) -> [Entry];
sources(_, Entry, _, true) -> [Entry];
sources(Language, Entry, false, false) ->
    Extension = case Language of elixir -> ".ex"; erlang -> ".erl" end,
    Skipped = ["deps", "_build", "_checkouts", "test", "node_modules", ".git", ".trivet"],
    All = [File || File <- filelib:wildcard("**/*" ++ Extension), not lists:member(hd(filename:split(File)), Skipped)],
    lists:usort([Entry || filelib:is_file(Entry)] ++ All).

%% A module is called as its file is, below src/ or lib/ too, or by its own name.
names(Language, File, {broken, _} = Why) -> [{path(Language, File), Why}];
names(_, _, script) -> [];
names(_, _, []) -> [];
names(Language, File, [Module | _] = Made) -> [{path(Language, File), Module} | [{own(Each), Each} || Each <- Made]].

path(_, File) ->
    Parts = case filename:split(filename:rootname(File)) of
        [Top, Next | Rest] when Top =:= "src"; Top =:= "lib" -> [Next | Rest];
        All -> All
    end,
    unicode:characters_to_binary(lists:join($., Parts)).

own(Module) ->
    case atom_to_binary(Module) of
        <<"Elixir.", Name/binary>> -> Name;
        Name -> Name
    end.
