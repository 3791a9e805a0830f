%% A function that is a project of rebar3 or mix: built as its own tool builds it, in a copy of the folder. Dependencies come from where the tool finds them: Hex and git when they can be
%% reached, paths, deps/ and _checkouts/. They are fetched and compiled by a step of their own, which leaves OUTPUT/project; what the tools fetch is kept below CACHE.
-module(trivet_build_project).
-export([dependencies/3, build/3]).

%% The tools link a dependency's folders, also those that it has not. rebar3 keeps _checkouts apart.
-define(KEEP, "for app in \"$1\"/lib/* \"$1\"/checkouts/*; do for part in ebin priv; do if [ -e \"$app/$part\" ]; then "
    "mkdir -p \"$2/lib/${app##*/}\" && cp -rL \"$app/$part\" \"$2/lib/${app##*/}/\" || exit 1; fi; done; done").

dependencies(Tool, Output, Cache) ->
    within(Output, fun(Work) ->
        Commands = case Tool of "mix" -> fetched(Work) ++ [["deps.compile"]]; "rebar3" -> [["compile", "--deps_only"]] end,
        tool(Tool, Commands, Work, Cache),
        0 = run("/bin/sh", ["-c", "mkdir \"$2/project\" && for part in _build deps mix.lock rebar.lock; do if [ -e \"$1/$part\" ]; then cp -a \"$1/$part\" \"$2/project/\" || exit 1; fi; done",
            "sh", Work, Output], ".", []),
        ok
    end).

%% Leaves OUTPUT/lib/APP/{ebin,priv}; the applications of the project itself, which a worker starts.
build(Tool, Output, Cache) ->
    within(Output, fun(Work) ->
        %% What the step before has made is copied; the link to it goes, so that this artifact is whole by itself.
        0 = run("/bin/sh", ["-c", "[ ! -d \"$1/project\" ] || { cp -a \"$1/project/.\" \"$2/\" && rm \"$1/project\"; }", "sh", Output, Work], ".", []),
        tool(Tool, [["compile"]], Work, Cache),
        0 = run("/bin/sh", ["-c", ?KEEP, "sh", built(Tool, Work), Output], ".", []),
        [list_to_atom(filename:basename(App, ".app")) || App <- own(Tool, Work, Output)]
    end).

%% Gives `Do` a copy of the folder.
within(Output, Do) ->
    Work = Output ++ ".work",
    ok = filelib:ensure_dir(filename:join(Work, "x")),
    try
        0 = run("/bin/sh", ["-c", "tar --exclude=.git --exclude=.trivet --exclude=_build -cf - . | tar -C \"$1\" -xf -", "sh", Work], ".", []),
        Do(Work)
    after
        file:del_dir_r(Work)
    end.

built("mix", Work) -> filename:join([Work, "_build", "prod"]);
built("rebar3", Work) -> filename:join([Work, "_build", "default"]).

tool(Tool, Commands, Work, Cache) ->
    Program = case os:find_executable(Tool) of
        false -> trivet_fault:raise(<<"BUILD_FAILED">>, [Tool, " is missing, which builds this folder: apt-get install ", package(Tool)]);
        Found -> Found
    end,
    [case run(Program, Command, Work, environment(Tool, Work, Cache)) of
        0 -> ok;
        Status -> trivet_fault:raise(<<"BUILD_FAILED">>, io_lib:format("~ts ~ts ended with exit code ~b", [Tool, hd(Command), Status]))
    end || Command <- Commands].

%% An archive of Hex that somebody has installed is used; else it comes into the cache.
environment(Tool, Work, Cache) ->
    Archives = filename:join([os:getenv("HOME", "/"), ".mix", "archives"]),
    [{"MIX_ENV", "prod"}, {"MIX_BUILD_PATH", built("mix", Work)}, {"MIX_HOME", filename:join(Cache, "mix")}, {"HEX_HOME", filename:join(Cache, "hex")},
     {"REBAR_COLOR", "none"}, {"REBAR_CACHE_DIR", filename:join(Cache, "rebar3")}] ++
    [{"MIX_ARCHIVES", Archives} || filelib:is_dir(Archives)] ++
    [{"MIX_REBAR3", Rebar} || Rebar <- [os:find_executable("rebar3")], Rebar =/= false] ++
    [{"ERL_COMPILER_OPTIONS", "[deterministic]"} || Tool =:= "rebar3"].

%% What is asked of mix before it compiles. Hex is needed only where mix.exs names a version.
fetched(Work) ->
    {ok, Text} = file:read_file(filename:join(Work, "mix.exs")),
    case filelib:is_dir(filename:join(Work, "deps")) of
        true -> [];
        false -> [["local.hex", "--if-missing", "--force"] || re:run(Text, "{:\\w+,\\s*\"") =/= nomatch] ++ [["deps.get"]]
    end.

package("mix") -> "elixir";
package(Tool) -> Tool.

%% The project's own application: rebar3's is described in src/ or apps/*/src/, mix's is named in mix.exs.
own("rebar3", Work, _) -> [filename:basename(File, ".app.src") || Place <- ["src", "apps/*/src"], File <- filelib:wildcard(filename:join([Work, Place, "*.app.src"]))];
own("mix", Work, Output) ->
    {ok, Text} = file:read_file(filename:join(Work, "mix.exs")),
    case re:run(Text, "\\bapp:\\s*:(\\w+)", [{capture, [1], list}]) of
        {match, [App]} -> [App || filelib:is_file(filename:join([Output, "lib", App, "ebin", App ++ ".app"]))];
        nomatch -> []
    end.

run(Program, Args, Folder, Env) ->
    Port = open_port({spawn_executable, Program}, [{args, Args}, {cd, Folder}, {env, Env}, exit_status, stderr_to_stdout, binary]),
    wait(Port).

wait(Port) ->
    receive
        {Port, {data, Text}} -> io:put_chars(standard_error, Text), wait(Port);
        {Port, {exit_status, Status}} -> Status
    end.
