%% What ERROR says of what user code threw.
-module(trivet_fault).
-export([describe/4, raise/2]).

-define(TEXT_MAX, 65536).

-spec raise(binary(), iodata()) -> no_return().
raise(Code, Message) -> throw({trivet_fault, Code, Message}).

%% `Null` tells whose words are used: that of Elixir is nil. User code may throw what cannot be shown.
describe(Null, Class, Reason, Stack) ->
    Known = try code_of(Reason) catch _:_ -> #{code => <<"FUNCTION_ERROR">>} end,
    Own = own(Stack),
    {Type, Message, Trace} =
        try
            case Null =:= nil orelse Null =:= elixir of
                true -> in_elixir(Class, Reason, Own);
                false -> {type(Class, Reason), clause(Reason, Own, fun() -> message(Class, Reason) end), trace(Own)}
            end
        catch _:_ -> {atom_to_binary(Class), <<"a value that cannot be shown was thrown">>, <<>>}
        end,
    Known#{type => Type, message => text(Message), stack => text(Trace)}.

code_of({call_failed, #{code := <<"LOOP_DETECTED">>}}) -> #{code => <<"LOOP_DETECTED">>};
code_of(#{'__struct__' := 'Elixir.ErlangError', original := Reason}) -> code_of(Reason);
code_of(_) -> #{code => <<"FUNCTION_ERROR">>}.

%% The stack ends where user code was called from.
own(Stack) -> lists:takewhile(fun(Frame) -> not is_ours(element(1, Frame)) end, Stack).

is_ours(Module) -> is_atom(Module) andalso lists:prefix("trivet_", atom_to_list(Module)).

type(error, Reason) when is_atom(Reason) -> atom_to_binary(Reason);
type(error, Reason) when is_tuple(Reason), tuple_size(Reason) > 0, is_atom(element(1, Reason)) -> atom_to_binary(element(1, Reason));
type(Class, _) -> atom_to_binary(Class).

message(_, {call_failed, #{code := <<"LOOP_DETECTED">>, message := Message}}) -> Message;
message(_, {call_failed, #{code := Code, message := Message, function := Name}}) -> [Name, <<": ">>, Code, <<": ">>, Message];
message(_, Text) when is_binary(Text) -> Text;
message(_, [C | _] = Text) when is_integer(C) ->
    case io_lib:char_list(Text) of
        true -> Text;
        false -> try list_to_binary(Text) catch _:_ -> shown(Text) end
    end;
message(_, Reason) -> shown(Reason).

%% Two errors say nothing without the first frame.
clause(function_clause, [{Module, Function, Given, _} | _], _) when is_list(Given) ->
    io_lib:format("no clause of ~ts:~ts/~b takes ~0tP", [Module, Function, length(Given), Given, 30]);
clause(function_clause, [{Module, Function, Arity, _} | _], _) -> io_lib:format("no clause of ~ts:~ts/~b takes what it was given", [Module, Function, Arity]);
clause(undef, [{Module, Function, Given, _} | _], _) ->
    io_lib:format("there is no function ~ts:~ts/~b", [Module, Function, if is_list(Given) -> length(Given); true -> Given end]);
clause(_, _, Message) -> Message().

shown(Value) -> io_lib:format("~0tp", [Value]).

trace(Stack) -> lists:join($\n, [frame(Frame) || Frame <- Stack]).

frame({Module, Function, Arguments, Place}) ->
    Arity = if is_list(Arguments) -> length(Arguments); true -> Arguments end,
    Where = case {proplists:get_value(file, Place), proplists:get_value(line, Place)} of
        {undefined, _} -> <<>>;
        {File, undefined} -> [<<" (">>, File, $)];
        {File, Line} -> io_lib:format(" (~ts:~b)", [File, Line])
    end,
    io_lib:format("    at ~ts:~ts/~b~ts", [Module, Function, Arity, Where]).

in_elixir(Class, {call_failed, #{code := _}} = Reason, Stack) ->
    {atom_to_binary(Class), message(Class, Reason), 'Elixir.Exception':format_stacktrace(Stack)};
in_elixir(error, Reason, Stack) ->
    Error = 'Elixir.Exception':normalize(error, Reason, Stack),
    <<"Elixir.", Name/binary>> = atom_to_binary(maps:get('__struct__', Error)),
    {Name, 'Elixir.Exception':message(Error), 'Elixir.Exception':format_stacktrace(Stack)};
in_elixir(Class, Reason, Stack) ->
    {atom_to_binary(Class), message(Class, Reason), 'Elixir.Exception':format_stacktrace(Stack)}.

%% UTF-8 of a size that fits into meta. Bytes that are none become U+FFFD.
text(Chars) ->
    Bytes = case unicode:characters_to_binary(Chars) of
        Whole when is_binary(Whole) -> Whole;
        {_, Begun, Rest} -> mend(Begun, Rest)
    end,
    binary:part(Bytes, 0, min(byte_size(Bytes), whole(Bytes, ?TEXT_MAX))).

mend(Done, Rest) when is_list(Rest) ->
    try mend(Done, iolist_to_binary(Rest)) catch error:badarg -> <<Done/binary, 16#FFFD/utf8>> end;
mend(Done, <<_, Rest/binary>>) ->
    case unicode:characters_to_binary(Rest) of
        Whole when is_binary(Whole) -> <<Done/binary, 16#FFFD/utf8, Whole/binary>>;
        {_, More, Left} -> mend(<<Done/binary, 16#FFFD/utf8, More/binary>>, Left)
    end;
mend(Done, <<>>) -> Done.

whole(Bytes, At) when byte_size(Bytes) =< At -> At;
whole(Bytes, At) ->
    case binary:at(Bytes, At) of
        C when C >= 16#80, C < 16#C0 -> whole(Bytes, At - 1);
        _ -> At
    end.
