%% The port's process, started again when it ends.
-module(trivet_sup).
-behaviour(supervisor).

-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    trivet_pools = ets:new(trivet_pools, [named_table, public]),
    Port = #{id => trivet_port, start => {trivet_port, start_link, []}, shutdown => 5000},
    {ok, {#{strategy => one_for_one, intensity => 5, period => 10}, [Port]}}.
