%% A request's body in the forms that user code asks for. The other parts of a request are in its map: method, url, scheme, host, port, path, query, query_string, headers,
%% body_binary.
-module(trivet_req).
-export([body/1, body_text/1, body_json/1, header/2]).

%% The parsed JSON when the content type says so ({} when it is empty), else text.
body(#{headers := Headers, body_binary := Body} = Req) ->
    case string:lowercase(maps:get(<<"content-type">>, Headers, <<>>)) of
        <<"application/json", _/binary>> when Body =:= <<>> -> #{};
        <<"application/json", _/binary>> -> body_json(Req);
        _ -> body_text(Req)
    end.

%% Bytes that are not UTF-8 become U+FFFD.
body_text(#{body_binary := Body}) ->
    case unicode:characters_to_binary(Body) of
        Body -> Body;
        _ -> << <<(if C < 16#80 -> C; true -> 16#FFFD end)/utf8>> || <<C>> <= Body >>
    end.

body_json(#{body_binary := Body, '$null' := Null}) ->
    try trivet_json:decode(Body, Null) catch throw:{not_json, Why} -> error({not_json, iolist_to_binary(Why)}) end.

%% By its name in lower case; the atom undefined, or nil in Elixir, when there is none.
header(Name, #{headers := Headers, '$null' := Null}) ->
    maps:get(unicode:characters_to_binary(Name), Headers, case Null of nil -> nil; _ -> undefined end).
