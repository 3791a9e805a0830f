%% The usual server of the language with the same function: httpd of inets, with jiffy. -run server start PORT FOLDER
-module(server).
-export([start/1, do/1]).
-include_lib("inets/include/httpd.hrl").

start([Port, Folder]) ->
    {module, jiffy} = code:ensure_loaded(jiffy),    % not while the first requests come together
    {ok, _} = application:ensure_all_started(inets),
    {ok, _} = inets:start(httpd, [{port, list_to_integer(Port)}, {bind_address, {127, 0, 0, 1}}, {server_name, "echo"}, {server_root, Folder},
                                  {document_root, Folder}, {modules, [?MODULE]}, {keep_alive, true}, {max_keep_alive_request, 1000000000}]).

%% Head and body go out by two writes: without nodelay each answer waits for a delayed acknowledgement.
do(#mod{entity_body = Body, socket = Socket}) ->
    ok = inet:setopts(Socket, [{nodelay, true}]),
    Text = iolist_to_binary(jiffy:encode(jiffy:decode(Body, [return_maps]))),
    {proceed, [{response, {response, [{code, 200}, {content_type, "application/json"}, {content_length, integer_to_list(byte_size(Text))}], [Text]}}]}.
