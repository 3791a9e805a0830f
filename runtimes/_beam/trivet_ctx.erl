%% What user code calls with the context that it was given: logs, and calls of other functions. Any process may that was given the context.
%%
%%     trivet_ctx:info(Ctx, "called", #{name => Name})
%%     Area = trivet_ctx:call(Ctx, "area", #{w => 2, h => 3}, #{timeout => 5000})
-module(trivet_ctx).
-export([debug/2, debug/3, info/2, info/3, warn/2, warn/3, error/2, error/3, log/2, call/3, call/4]).

-define(LINE_MAX, 8000).

debug(Ctx, Message) -> log(Ctx, debug, Message, none).
debug(Ctx, Message, Fields) -> log(Ctx, debug, Message, map(Fields)).
info(Ctx, Message) -> log(Ctx, info, Message, none).
info(Ctx, Message, Fields) -> log(Ctx, info, Message, map(Fields)).
warn(Ctx, Message) -> log(Ctx, warn, Message, none).
warn(Ctx, Message, Fields) -> log(Ctx, warn, Message, map(Fields)).
error(Ctx, Message) -> log(Ctx, error, Message, none).
error(Ctx, Message, Fields) -> log(Ctx, error, Message, map(Fields)).
log(Ctx, Message) -> log(Ctx, info, Message, none).

log(#{'$call' := {_, Id, _}}, Level, Message, Fields) ->
    trivet_frames:log(Id, Level, cut(line(Message)), Fields).

map(Fields) when is_list(Fields) -> maps:from_list(Fields);
map(Fields) -> Fields.

%% A list that is no text is several arguments: they are joined by spaces.
line([C | _] = Text) when is_integer(C) -> part(Text);
line(Parts) when is_list(Parts) -> iolist_to_binary(lists:join($\s, [part(Part) || Part <- Parts]));
line(Value) -> part(Value).

part(Text) when is_binary(Text) ->
    case unicode:characters_to_binary(Text) of
        Text -> Text;
        _ -> shown(Text)
    end;
part([C | _] = Text) when is_integer(C) ->
    case unicode:characters_to_binary(Text) of
        Bytes when is_binary(Bytes) -> Bytes;
        _ -> shown(Text)
    end;
part(Value) -> try iolist_to_binary(trivet_json:encode(Value)) of
        <<$", _/binary>> -> atom_to_binary(Value);
        Bytes -> Bytes
    catch _:_ -> shown(Value)
    end.

shown(Value) -> unicode:characters_to_binary(io_lib:format("~0tp", [Value])).

%% Each line has at most so many characters.
cut(Text) when byte_size(Text) =< ?LINE_MAX -> Text;
cut(Text) -> iolist_to_binary(lists:join($\n, [string:slice(Line, 0, ?LINE_MAX) || Line <- binary:split(Text, <<"\n">>, [global])])).

%% ------------------------------------------------------------------ other functions

call(Ctx, Name, Input) -> call(Ctx, Name, Input, #{}).

%% What the function returned. A failure is error:{call_failed, #{code, function, message, status, body, details}}. `timeout` is in milliseconds.
call(Ctx, Name, Input, Options) when is_list(Options) -> call(Ctx, Name, Input, maps:from_list(Options));
call(#{'$call' := {Call, _, Null}}, Name, Input, Options) ->
    Wish = case Options of
        #{timeout := Milliseconds} when is_number(Milliseconds) -> #{timeout_ms => max(0, round(Milliseconds))};
        #{} -> #{}
    end,
    Ref = monitor(process, Call),
    Call ! {ask, self(), Ref, Wish#{function => unicode:characters_to_binary(Name)}, trivet_plain:encode(Input)},
    Answer = receive
        {Ref, Told} -> Told;
        {'DOWN', Ref, _, _, _} -> {error, #{<<"code">> => <<"CANCELLED">>, <<"message">> => <<"the call has ended">>, <<"function">> => unicode:characters_to_binary(Name)}, <<>>}
    end,
    demonitor(Ref, [flush]),
    case Answer of
        {ok, Type, Body} -> value(string:lowercase(Type), Body, Null);
        {error, #{<<"code">> := Code} = Details, Body} ->
            erlang:error({call_failed, #{code => Code, function => maps:get(<<"function">>, Details, Null), message => maps:get(<<"message">>, Details, <<>>),
                                         status => maps:get(<<"status">>, Details, Null), body => Body, details => Details}})
    end.

value(<<"application/json", _/binary>>, Body, Null) -> trivet_plain:decode(Body, Null);
value(<<"application/x-ndjson", _/binary>>, Body, Null) -> [trivet_json:decode(Line, Null) || Line <- binary:split(Body, <<"\n">>, [global]), Line =/= <<>>];
value(_, Body, _) -> Body.
