%% Has jose read and write JSON as the function does.
-module(tokens_json).
-behaviour(jose_json).
-export([use/0, decode/1, encode/1]).

use() ->
    case jose:json_module() of
        ?MODULE -> ok;
        _ -> {ok, _} = application:ensure_all_started(jose), jose:json_module(?MODULE)
    end.

decode(Text) -> trivet_json:decode(Text).
encode(Value) -> iolist_to_binary(trivet_json:encode(Value)).
