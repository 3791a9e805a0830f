%% Compiles Elixir, all files of a function at once: the compiler finds out which needs which.
-module(trivet_build_elixir).
-export([compile/4]).

-define(COMPILER, 'Elixir.Kernel.ParallelCompiler').

%% [{File, [Module] | script | {broken, Why}}]
compile(Files, Entry, Ebin, #{built := Built, tolerant := Tolerant, program := Program}) ->
    trivet_elixir:start(),
    code:add_patha(Ebin),
    IsScript = Program andalso filename:extension(Entry) =:= ".exs",
    Sources = if IsScript -> Files -- [Entry]; true -> Files end,
    if IsScript -> check(Entry); true -> ok end,
    Made = case Tolerant of
        true -> try together(Sources, Ebin) catch throw:{trivet_fault, _, _} -> apart(Sources, Ebin) end;
        false -> together(Sources, Ebin)
    end,
    [{Entry, script} || IsScript] ++ Made ++ project(Entry, Made, Built).

together([], _) -> [];
together(Files, Ebin) ->
    Self = self(),
    Each = fun(File, Module, _) -> Self ! {made, unicode:characters_to_list(File), Module} end,
    case ?COMPILER:compile_to_path([unicode:characters_to_binary(File) || File <- Files], unicode:characters_to_binary(Ebin), [{each_module, Each}]) of
        {ok, _, _} ->
            Pairs = made(),
            Here = filename:absname(""),
            [{File, lists:reverse([Module || {Path, Module} <- Pairs, Path =:= filename:join(Here, File) orelse Path =:= File])} || File <- Files];
        {error, Errors, _} -> trivet_fault:raise(<<"BUILD_FAILED">>, told(Errors))
    end.

%% Each by itself, and once more those that needed a later one: so the broken ones alone are left out.
apart(Files, Ebin) ->
    _ = [one(File, Ebin) || File <- Files],
    [one(File, Ebin) || File <- Files].

one(File, Ebin) ->
    try together([File], Ebin) of
        [Made] -> Made
    catch throw:{trivet_fault, _, Why} -> {File, {broken, iolist_to_binary(Why)}}
    end.

made() -> receive {made, File, Module} -> [{File, Module} | made()] after 0 -> [] end.

told(Errors) -> [[path(File), $:, integer_to_binary(line(Place)), ": ", Why, $\n] || {File, Place, Why} <- Errors].

path(File) ->
    Here = unicode:characters_to_binary(filename:absname("") ++ "/"),
    Size = byte_size(Here),
    case File of
        <<Here:Size/binary, Rest/binary>> -> Rest;
        _ -> File
    end.

line({Line, _}) -> Line;
line(Line) when is_integer(Line) -> Line;
line(_) -> 0.

%% A script is read now, so that an error of syntax is one of the build.
check(Entry) ->
    {ok, Text} = file:read_file(Entry),
    case 'Elixir.Code':string_to_quoted(Text, [{file, list_to_binary(Entry)}]) of
        {ok, _} -> ok;
        {error, {Place, Message, Token}} ->
            Shown = if is_tuple(Message) -> [element(1, Message), Token, element(2, Message)]; true -> [Message, Token] end,
            trivet_fault:raise(<<"BUILD_FAILED">>, [Entry, $:, integer_to_binary(proplists:get_value(line, Place, 0)), ": ", Shown])
    end.

%% An entrypoint that a project compiled: its modules are found by the file that they remember.
project(Entry, [], [_ | _] = Built) ->
    Modules = [list_to_atom(Name) || "Elixir." ++ _ = Name <- Built],
    [{Entry, [Module || Module <- Modules, lists:suffix(Entry, proplists:get_value(source, Module:module_info(compile), ""))]}];
project(_, _, _) -> [].
