%% What a VM needs to run Elixir: its applications, with a logger that leaves events to ours.
-module(trivet_elixir).
-export([start/0]).

start() ->
    io:setopts([{encoding, unicode}]),
    {ok, _} = application:ensure_all_started(elixir),
    application:load(logger),
    application:set_env(logger, backends, []),
    application:set_env(logger, default_handler, false),
    {ok, _} = application:ensure_all_started(logger),
    ok.
