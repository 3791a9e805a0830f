%% What a handler of the context interface returns. Headers are a map or a list of pairs; a header whose value is a list is sent once per item.
-module(trivet_res).
-export([text/1, text/2, text/3, send/1, send/2, send/3, json/1, json/2, json/3, binary/1, binary/2, binary/3, empty/0, redirect/1, redirect/2, redirect/3,
         stream/1, stream/2, stream/3]).

text(Body) -> text(Body, 200).
text(Body, Status) -> text(Body, Status, #{}).
text(Body, Status, Headers) ->
    case unicode:characters_to_binary(Body) of
        Text when is_binary(Text) -> {trivet_res, Status, pairs(Headers), Text};
        _ -> binary(Body, Status, Headers)
    end.

send(Body) -> text(Body).
send(Body, Status) -> text(Body, Status).
send(Body, Status, Headers) -> text(Body, Status, Headers).

json(Value) -> json(Value, 200).
json(Value, Status) -> json(Value, Status, #{}).
json(Value, Status, Headers) -> {trivet_res, Status, pairs(Headers) ++ [{<<"content-type">>, <<"application/json">>}], trivet_plain:encode(Value)}.

binary(Body) -> binary(Body, 200).
binary(Body, Status) -> binary(Body, Status, #{}).
binary(Body, Status, Headers) -> {trivet_res, Status, pairs(Headers), iolist_to_binary(Body)}.

empty() -> {trivet_res, 204, [], <<>>}.

redirect(Url) -> redirect(Url, 301).
redirect(Url, Status) -> redirect(Url, Status, #{}).
redirect(Url, Status, Headers) -> {trivet_res, Status, pairs(Headers) ++ [{<<"location">>, Url}], <<>>}.

%% A list of texts, a function that gives its argument each text, or an Elixir stream.
stream(Values) -> stream(Values, 200).
stream(Values, Status) -> stream(Values, Status, #{}).
stream(Steps, Status, Headers) when is_function(Steps, 1) -> {trivet_res, Status, pairs(Headers), {stream, Steps}};
stream(Values, Status, Headers) when is_list(Values) -> stream(fun(Send) -> lists:foreach(Send, Values) end, Status, Headers);
stream(Values, Status, Headers) -> stream(fun(Send) -> 'Elixir.Enum':each(Values, Send) end, Status, Headers).

pairs(Headers) when is_map(Headers) -> maps:to_list(Headers);
pairs(Headers) -> Headers.
