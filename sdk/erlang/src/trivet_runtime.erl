%% What a runtime is to a caller. `trivet` itself calls this way; a module of your own that implements it can stand in for a pool, in tests for
%% instance: call it through trivet_runtime:with/3.
-module(trivet_runtime).

-export([with/3]).
-export_type([runtime/0, result/0]).

-type runtime() :: term().
-type result() :: {ok, term()} | {error, timeout | worker_timeout | not_found | already_started | {atom(), term()}}.

-callback start_runtime(Options :: map()) -> {ok, runtime()} | {error, term()}.
-callback call_function(runtime(), Module :: atom() | binary(), Function :: atom() | binary(), Args :: [term()]) -> result().
-callback stop_runtime(runtime()) -> ok | {error, term()}.
-callback ping(runtime()) -> pong | {error, term()}.

%% Starts a runtime, gives it to Fun, and stops it whatever Fun does.
-spec with(module(), map(), fun((runtime()) -> Value)) -> Value | {error, term()}.
with(Module, Options, Fun) ->
    case Module:start_runtime(Options) of
        {ok, Runtime} ->
            try
                Fun(Runtime)
            after
                Module:stop_runtime(Runtime)
            end;
        Error ->
            Error
    end.
