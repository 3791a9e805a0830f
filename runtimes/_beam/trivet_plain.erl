%% The json interface: handle(Input, Ctx) -> Output. `{stream, fun(Send) -> ... end}` streams: each value that Send is given is a line.
-module(trivet_plain).
-export([arities/0, answer/5, decode/2, encode/1, facts/4, stream/4]).
-include("trivet.hrl").

arities() -> [2, 1].

answer(Call, Id, #load{handler = {Module, Function, Arity}, null = Null} = Load, Meta, Body) ->
    Input = decode(Body, Null),
    Output = case Arity of
        2 -> Module:Function(Input, facts(Call, Id, Load, trivet_json:decode(Meta, Null)));
        1 -> Module:Function(Input)
    end,
    case steps(Output) of
        none -> {reply, <<>>, encode(Output)};
        Steps ->
            Lines = trivet_json:encode(#{status => 200, headers => [[<<"content-type">>, <<"application/x-ndjson">>]]}),
            stream(Call, Lines, Steps, fun({raw, Bytes}) -> Bytes; (Value) -> [encode(Value), $\n] end)
    end.

%% What a handler gets beside its input.
facts(Call, Id, #load{function = Function, env = Env, null = Null}, Known) ->
    #{call_id => maps:get(<<"id">>, Known, Null), function => Function, auth => maps:get(<<"auth">>, Known, Null), env => Env,
      deadline => maps:get(<<"deadline_ms">>, Known, Null), '$call' => {Call, Id, Null}}.

decode(<<>>, Null) -> Null;
decode(Body, Null) ->
    try trivet_json:decode(Body, Null)
    catch throw:{not_json, Why} -> trivet_fault:raise(<<"INVALID_INPUT">>, [<<"the input is not JSON: ">>, Why])
    end.

encode(Value) ->
    try iolist_to_binary(trivet_json:encode(Value))
    catch throw:{no_json, What} ->
        trivet_fault:raise(<<"INVALID_OUTPUT">>, unicode:characters_to_binary(io_lib:format("the returned value cannot be JSON: ~0tP", [What, 30])))
    end.

%% A function that gives its argument each value of the stream, or none. Elixir's streams count.
steps({stream, Steps}) when is_function(Steps, 1) -> Steps;
steps({stream, Values}) when is_list(Values) -> fun(Send) -> lists:foreach(Send, Values) end;
steps(#{'__struct__' := Name} = Stream) when Name =:= 'Elixir.Stream'; Name =:= 'Elixir.File.Stream'; Name =:= 'Elixir.IO.Stream'; Name =:= 'Elixir.Range' -> each(Stream);
steps({stream, #{'__struct__' := _} = Stream}) -> each(Stream);
steps({stream, Stream}) when is_function(Stream, 2) -> each(Stream);
steps(Stream) when is_function(Stream, 2) -> each(Stream);
steps(_) -> none.

each(Stream) -> fun(Send) -> 'Elixir.Enum':each(Stream, Send) end.

%% Waits with each value until the host has taken it. `Encode` makes bytes of it.
stream(Call, Meta, Steps, Encode) ->
    Ref = make_ref(),
    hand(Call, Ref, {stream, self(), Ref, Meta}),
    Steps(fun(Value) -> hand(Call, Ref, {piece, self(), Ref, iolist_to_binary(Encode(Value))}) end),
    streamed.

%% Any process may be given Send.
hand(Call, Ref, Message) ->
    Call ! setelement(2, Message, self()),
    receive {Ref, ok} -> ok end.
