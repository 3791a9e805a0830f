%% Functions in other languages: pools of warm workers, behind one external program.
%%
%%   {ok, _} = application:ensure_all_started(trivet),
%%   ok = trivet:start_pool(numbers, python, #{pool_size => 2, path => "priv/python"}),
%%   {ok, 8} = trivet:call(numbers, math, add, [5, 3]).
-module(trivet).
-behaviour(trivet_runtime).

-export([start_pool/3, stop_pool/1, call/4, call/5, cast/4, call_async/4, call_async/5, ping/1, stats/0]).
-export([start_runtime/1, call_function/4, stop_runtime/1]).
-export_type([pool/0, name/0, options/0, result/0]).

-type name() :: atom() | binary() | string().
-type pool() :: name().
-type options() :: #{atom() => term()} | [{atom(), term()}].
-type result() :: trivet_runtime:result().

-define(CALL_TIMEOUT, 5000).
-define(START_TIMEOUT, 600000).  % a pool of a compiled language is built first
-define(GRACE, 2000).            % the program's own timeouts come first

%% Runtime is python, node, go or another that `trivet runtimes` lists; Options are in the README. Comes back when calls can be made.
-spec start_pool(pool(), name(), options()) -> ok | {error, term()}.
start_pool(Pool, Runtime, Options) ->
    Start = fun(Id) -> {start_pool, Id, Pool, Runtime, absolute(Options, Runtime)} end,
    done(trivet_port:request(Start, ?START_TIMEOUT, {start, Pool})).

%% Calls in flight finish; {error, not_found} when there is no such pool.
-spec stop_pool(pool()) -> ok | {error, term()}.
stop_pool(Pool) ->
    done(trivet_port:request(fun(Id) -> {stop_pool, Id, Pool} end, ?CALL_TIMEOUT, {stop, Pool})).

-spec call(pool(), name(), name(), [term()]) -> result().
call(Pool, Module, Function, Args) -> call(Pool, Module, Function, Args, ?CALL_TIMEOUT).

%% {error, timeout}: Timeout (milliseconds, or infinity) passed, waiting for a worker included; the call is stopped. {error, worker_timeout}: it
%% ran longer than the pool's worker_timeout_ms. {error, {Class, Facts}}: the function failed, or could not be called; Facts has `message`.
-spec call(pool(), name(), name(), [term()], timeout()) -> result().
call(Pool, Module, Function, Args, Timeout) ->
    trivet_port:request(call_term(Pool, Module, Function, Args, Timeout), grace(Timeout)).

%% Fire and forget: what becomes of it is only in the logs.
-spec cast(pool(), name(), name(), [term()]) -> ok | {error, term()}.
cast(Pool, Module, Function, Args) -> trivet_port:cast({cast, Pool, Module, Function, Args}).

%% The caller gets {runtime_result, Worker, Result}, once.
-spec call_async(pool(), name(), name(), [term()]) -> {ok, Worker :: pid()}.
call_async(Pool, Module, Function, Args) -> call_async(Pool, Module, Function, Args, ?CALL_TIMEOUT).

-spec call_async(pool(), name(), name(), [term()], timeout()) -> {ok, Worker :: pid()}.
call_async(Pool, Module, Function, Args, Timeout) ->
    trivet_port:send_request(call_term(Pool, Module, Function, Args, Timeout), self()).

-spec ping(pool()) -> pong | {error, term()}.
ping(Pool) ->
    case trivet_port:request(fun(Id) -> {ping, Id, Pool} end, ?CALL_TIMEOUT) of
        {ok, pong} -> pong;
        Error -> Error
    end.

%% Pools, workers and counts, as maps.
-spec stats() -> {ok, map()} | {error, term()}.
stats() -> trivet_port:request(fun(Id) -> {stats, Id} end, ?CALL_TIMEOUT).

%% trivet_runtime: a pool as a runtime. Options have `pool` and `runtime` besides those of start_pool/3.

start_runtime(#{pool := Pool, runtime := Runtime} = Options) ->
    case start_pool(Pool, Runtime, maps:without([pool, runtime], Options)) of
        ok -> {ok, Pool};
        Error -> Error
    end.

call_function(Pool, Module, Function, Args) -> call(Pool, Module, Function, Args).

stop_runtime(Pool) -> stop_pool(Pool).

call_term(Pool, Module, Function, Args, Timeout) -> fun(Id) -> {call, Id, Pool, Module, Function, Args, Timeout} end.

grace(infinity) -> infinity;
grace(Timeout) -> Timeout + ?GRACE.

done({ok, _}) -> ok;
done(Error) -> Error.

%% Folders are relative to this node's current directory, also when the program is started again.
absolute(Options, Runtime) when is_list(Options) -> absolute(maps:from_list(proplists:unfold(Options)), Runtime);
absolute(Options, Runtime) ->
    maps:map(fun(Name, Folder) ->
        case is_folder(text(Name), text(Runtime)) of
            true -> unicode:characters_to_binary(filename:absname(Folder));
            false -> Folder
        end
    end, Options).

is_folder(Name, Runtime) -> lists:member(Name, ["path", "dir", Runtime ++ "_path"]).

text(Name) when is_atom(Name) -> atom_to_list(Name);
text(Name) when is_binary(Name) -> unicode:characters_to_list(Name);
text(Name) -> Name.
