%% The context interface: handle(Context) -> what trivet_res makes. Context is a map: `req` is what trivet_req reads, the rest is that of the json interface.
-module(trivet_context).
-export([arities/0, answer/5]).
-include("trivet.hrl").

-define(HIDDEN, "x-open-runtimes-").

arities() -> [1, 2].

answer(Call, Id, #load{handler = {Module, Function, Arity}, null = Null} = Load, Meta, Body) ->
    Known = trivet_json:decode(Meta, Null),
    Facts = trivet_plain:facts(Call, Id, Load, Known),
    Request = request(Known, Body, Null),
    Answer = case Arity of
        1 -> Module:Function(Facts#{req => Request});
        2 -> Module:Function(Request, Facts)
    end,
    case Answer of
        {trivet_res, Status, Headers, {stream, Steps}} ->
            trivet_plain:stream(Call, trivet_json:encode(meta(Status, Headers)), Steps, fun unicode:characters_to_binary/1);
        {trivet_res, Status, Headers, Reply} ->
            {reply, iolist_to_binary(trivet_json:encode(meta(Status, Headers))), Reply};
        _ ->
            trivet_fault:raise(<<"INVALID_OUTPUT">>, <<"Return statement missing. return context.res.empty() if no response is expected.">>)
    end.

request(Known, Body, Null) ->
    Scheme = maps:get(<<"scheme">>, Known, <<"http">>),
    Default = case Scheme of <<"https">> -> 443; _ -> 80 end,
    {Host, Port} = address(maps:get(<<"host">>, Known, <<"localhost">>), Default),
    Path = maps:get(<<"path">>, Known, <<"/">>),
    Query = maps:get(<<"query">>, Known, <<>>),
    Shown = [Scheme, <<"://">>, Host, [[$:, integer_to_binary(Port)] || Port =/= Default], Path, [[$?, Query] || Query =/= <<>>]],
    #{method => maps:get(<<"method">>, Known, <<"POST">>), scheme => Scheme, host => Host, port => Port, path => Path, query_string => Query,
      query => query(Query), url => iolist_to_binary(Shown), headers => headers(maps:get(<<"headers">>, Known, [])), body_binary => Body, '$null' => Null}.

address(Host, Default) ->
    case string:split(Host, <<":">>, trailing) of
        [Name, Digits] when Digits =/= <<>> ->
            try {Name, binary_to_integer(Digits)} catch error:badarg -> {Host, Default} end;
        _ -> {Host, Default}
    end.

%% Nothing is decoded; a key that is empty is dropped.
query(Text) ->
    Pairs = [case binary:split(Part, <<"=">>) of [Key, Value] -> {Key, Value}; [Key] -> {Key, <<>>} end || Part <- binary:split(Text, <<"&">>, [global])],
    maps:from_list([Pair || {Key, _} = Pair <- Pairs, Key =/= <<>>]).

headers(Told) ->
    lists:foldl(fun
        ([<<?HIDDEN, _/binary>>, _], All) -> All;
        ([Name, Value], All) -> maps:update_with(Name, fun(Before) -> <<Before/binary, ", ", Value/binary>> end, Value, All)
    end, #{}, Told).

%% REPLY's meta.
meta(Status, Headers) ->
    All = [{string:lowercase(text(Name)), Value} || {Name, Value} <- Headers],
    Type = case lists:keyfind(<<"content-type">>, 1, lists:reverse(All)) of
        {_, Told} -> text(Told);
        false -> <<"text/plain">>
    end,
    Own = [[Name, text(Each)] || {Name, Value} <- All, Name =/= <<"content-type">>, not is_hidden(Name), Each <- values(Value)],
    #{status => Status, headers => Own ++ [[<<"content-type">>, content_type(Type)]]}.

is_hidden(<<?HIDDEN, _/binary>>) -> true;
is_hidden(_) -> false.

%% A list that is no text has a value for each header.
values([C | _] = Text) when is_integer(C) -> [Text];
values(Values) when is_list(Values) -> Values;
values(Value) -> [Value].

text(Text) when is_binary(Text) -> Text;
text(Text) when is_list(Text) -> unicode:characters_to_binary(Text);
text(Name) when is_atom(Name) -> atom_to_binary(Name);
text(Number) when is_integer(Number) -> integer_to_binary(Number).

%% A multipart type stays as it is: its boundary may have capitals.
content_type(Type) ->
    case string:lowercase(Type) of
        <<"multipart/", _/binary>> -> Type;
        Lower ->
            case binary:match(Lower, <<"charset=">>) of
                nomatch -> <<Lower/binary, "; charset=utf-8">>;
                _ -> Lower
            end
    end.
