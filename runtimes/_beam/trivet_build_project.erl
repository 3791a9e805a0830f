%% A function that is a project of rebar3 or mix: built as its own tool builds it, in a copy of the folder. Dependencies come from where the tool finds them: Hex when it can be
%% reached, paths, deps/ and _checkouts/.
-module(trivet_build_project).
-export([build/2]).

%% The tools link a dependency's folders, also those that it has not. rebar3 keeps _checkouts apart.
-define(KEEP, "for app in \"$1\"/lib/* \"$1\"/checkouts/*; do for part in ebin priv; do if [ -e \"$app/$part\" ]; then "
    "mkdir -p \"$2/lib/${app##*/}\" && cp -rL \"$app/$part\" \"$2/lib/${app##*/}/\" || exit 1; fi; done; done").

%% Leaves OUTPUT/lib/APP/{ebin,priv}; the applications of the project itself, which a worker starts.
build(Tool, Output) ->
    Program = case os:find_executable(Tool) of
        false -> trivet_fault:raise(<<"BUILD_FAILED">>, [Tool, " is missing, which builds this folder: apt-get install ", package(Tool)]);
        Found -> Found
    end,
    Work = Output ++ ".work",
    ok = filelib:ensure_dir(filename:join(Work, "x")),
    try
        0 = run("/bin/sh", ["-c", "tar --exclude=.git --exclude=.trivet --exclude=_build -cf - . | tar -C \"$1\" -xf -", "sh", Work], ".", []),
        Commands = case Tool of "mix" -> fetched(Work) ++ [["compile"]]; "rebar3" -> [["compile"]] end,
        Base = filename:join([Work, "_build", case Tool of "mix" -> "prod"; "rebar3" -> "default" end, "lib"]),
        Env = [{"MIX_ENV", "prod"}, {"MIX_BUILD_PATH", filename:dirname(Base)}, {"REBAR_COLOR", "none"}],
        [case run(Program, Command, Work, Env) of
            0 -> ok;
            Status -> trivet_fault:raise(<<"BUILD_FAILED">>, io_lib:format("~ts ~ts ended with exit code ~b", [Tool, hd(Command), Status]))
        end || Command <- Commands],
        0 = run("/bin/sh", ["-c", ?KEEP, "sh", filename:dirname(Base), Output], ".", []),
        [list_to_atom(filename:basename(App, ".app")) || App <- own(Tool, Work, Output)]
    after
        file:del_dir_r(Work)
    end.

%% What is asked of mix before it compiles. Hex is needed only where mix.exs names a version.
fetched(Work) ->
    {ok, Text} = file:read_file(filename:join(Work, "mix.exs")),
    case {re:run(Text, "{:\\w+,\\s*\"") =/= nomatch, filelib:is_dir(filename:join(Work, "deps"))} of
        {true, false} -> [["local.hex", "--if-missing", "--force"], ["deps.get"]];
        _ -> []
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
