%% The stdio interface: a program of the user's own, with its own stdin and stdout. No frames.
%%
%% A program that was built is a module with main/1, which is given the arguments; an .exs of Elixir is a script, run from its source.
-module(trivet_program).
-export([start/1, become/2]).

%% In a VM of its own: the arguments are OUTPUT and the entrypoint.
start([Language]) ->
    [Output, Entry] = init:get_plain_arguments(),
    if Language =:= elixir -> trivet_elixir:start(); true -> ok end,
    spawn(fun() -> run(Language, Output, Entry) end).

%% A spare becomes the program. Does not return.
become(Language, #{<<"output">> := Output, <<"entrypoint">> := Entry}) ->
    trivet_frames:close(),
    trivet_io:give_back(),
    run(Language, binary_to_list(Output), binary_to_list(Entry)).

-spec run(atom(), string(), string()) -> no_return().
run(Language, Output, Entry) ->
    code:del_path("."),
    trivet_io:serve_program(Language),
    trivet_logger:install(standard_error),
    Status = try
        Index = trivet_loader:index(Output),
        [{ok, _} = application:ensure_all_started(App) || App <- maps:get(apps, Index)],
        case maps:get(entry, Index) of
            script -> 'Elixir.Code':require_file(list_to_binary(Entry));
            Module -> Module:main([])
        end,
        0
    catch
        throw:{trivet_fault, _, Why} -> report(["error: ", Why]);
        Class:Reason:Stack ->
            #{type := Type, message := Message, stack := Lines} = trivet_fault:describe(Language, Class, Reason, Stack),
            report(["error: ", Type, ": ", Message, $\n, Lines])
    end,
    erlang:halt(Status).

report(What) ->
    io:put_chars(standard_error, unicode:characters_to_binary([What, $\n])),
    1.
