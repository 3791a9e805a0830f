%% Owns the external program `trivet port`. Every request has a number of its own; a reply goes to the one who asked, once, or nowhere.
%%
%% Callers are told by a message {Tag, Reply}, where Tag is an alias that ends with the caller's interest: what comes later is dropped by the
%% runtime system and cannot pile up in a mailbox. When the program ends, all who wait get {error, {port_down, Reason}}, and so does who asks
%% before the supervisor has started it again. Pools that were started are started again with it.
-module(trivet_port).
-behaviour(gen_server).

-export([start_link/0, request/2, request/3, send_request/2, cast/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(POOLS, trivet_pools).  % pools that were started, with the request that did it; the supervisor's, so that it outlives a program

-record(state, {port, next = 1, waiting = #{}}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Asks and waits. Request is a fun that makes the term from its Id.
request(Request, Timeout) -> request(Request, Timeout, []).

%% With `Keep`, what is to be remembered for the next start of the program.
request(Request, Timeout, Keep) ->
    case whereis(?MODULE) of
        undefined ->
            {error, {port_down, not_running}};
        Server ->
            Tag = erlang:monitor(process, Server, [{alias, reply_demonitor}]),
            gen_server:cast(Server, {request, Tag, Request, Keep}),
            receive
                {Tag, Reply} -> Reply;
                {'DOWN', Tag, process, _, Reason} -> {error, {port_down, Reason}}
            after Timeout ->
                erlang:demonitor(Tag, [flush]),
                receive
                    {Tag, Reply} -> Reply
                after 0 ->
                    gen_server:cast(Server, {forget, Tag}),
                    {error, timeout}
                end
            end
    end.

%% Asks and does not wait: the caller gets {runtime_result, Worker, Result}. Worker is what this returns.
send_request(Request, Caller) ->
    Worker = spawn(fun() ->
        Monitor = erlang:monitor(process, Caller),
        Tag = erlang:alias(),
        case whereis(?MODULE) of
            undefined ->
                Caller ! {runtime_result, self(), {error, {port_down, not_running}}};
            Server ->
                Down = erlang:monitor(process, Server),
                gen_server:cast(Server, {request, Tag, Request, []}),
                receive
                    {Tag, Reply} -> Caller ! {runtime_result, self(), Reply};
                    {'DOWN', Down, process, _, Reason} -> Caller ! {runtime_result, self(), {error, {port_down, Reason}}};
                    {'DOWN', Monitor, process, _, _} -> gen_server:cast(Server, {forget, Tag})
                end
        end
    end),
    {ok, Worker}.

cast(Term) ->
    case whereis(?MODULE) of
        undefined -> {error, {port_down, not_running}};
        Server -> gen_server:cast(Server, {cast, Term})
    end.

%% gen_server

init([]) ->
    process_flag(trap_exit, true),
    {ok, Binary} = application:get_env(trivet, binary),
    {ok, Args} = application:get_env(trivet, args),
    case find(Binary) of
        false ->
            {stop, {no_program, Binary}};
        Program ->
            Port = open_port({spawn_executable, Program}, [{args, ["port" | Args]}, {packet, 4}, binary, exit_status]),
            {ok, restore(#state{port = Port})}
    end.

find(Binary) ->
    case filename:pathtype(Binary) of
        absolute -> Binary;
        _ -> os:find_executable(Binary)
    end.

%% Pools of the program before. Who asks for one before it is there waits for it, as for any call.
restore(State) ->
    ets:foldl(fun({_, Request}, S) -> ask(none, Request, [], S) end, State, ?POOLS).

handle_call(_, _, State) -> {reply, {error, bad_call}, State}.

handle_cast({request, Tag, Request, Keep}, State) -> {noreply, ask(Tag, Request, Keep, State)};
handle_cast({forget, Tag}, #state{waiting = Waiting} = State) ->
    {noreply, State#state{waiting = maps:filter(fun(_, {Of, _, _}) -> Of =/= Tag end, Waiting)}};
handle_cast({cast, Term}, State) ->
    tell(Term, State),
    {noreply, State}.

handle_info({Port, {data, Bytes}}, #state{port = Port} = State) -> {noreply, answer(binary_to_term(Bytes), State)};
handle_info({Port, {exit_status, Status}}, #state{port = Port} = State) -> {stop, {exit_status, Status}, State};
handle_info({'EXIT', Port, Reason}, #state{port = Port} = State) -> {stop, {port_closed, Reason}, State};
handle_info(_, State) -> {noreply, State}.

terminate(Reason, #state{waiting = Waiting}) ->
    maps:foreach(fun(_, {Tag, _, _}) -> give(Tag, {error, {port_down, Reason}}) end, Waiting).

ask(Tag, Request, Keep, #state{next = Id, waiting = Waiting} = State) ->
    tell(Request(Id), State),
    State#state{next = Id + 1, waiting = Waiting#{Id => {Tag, Request, Keep}}}.

tell(Term, #state{port = Port}) ->
    try
        port_command(Port, term_to_binary(Term))
    catch
        error:badarg -> ok  % it has ended: exit_status is on its way
    end.

answer({reply, Id, Result}, #state{waiting = Waiting} = State) ->
    case maps:take(Id, Waiting) of
        {{Tag, Request, Keep}, Rest} ->
            give(Tag, Result),
            keep(Keep, Request, Result, State#state{waiting = Rest});
        error ->
            State
    end;
answer({error, Id, Reason}, State) -> answer({reply, Id, {error, Reason}}, State);
answer({log, Line}, State) ->
    logger:log(level(Line), "~ts: ~ts", [maps:get(<<"function">>, Line, <<>>), maps:get(<<"message">>, Line, <<>>)]),
    State.

level(#{<<"level">> := <<"error">>}) -> error;
level(#{<<"level">> := <<"warn">>}) -> warning;
level(#{<<"level">> := <<"debug">>}) -> debug;
level(_) -> info.

give(none, _) -> ok;
give(Tag, Reply) -> Tag ! {Tag, Reply}.

keep({start, Pool}, Request, {ok, _}, State) -> ets:insert(?POOLS, {Pool, Request}), State;
keep({stop, Pool}, _, {ok, _}, State) -> ets:delete(?POOLS, Pool), State;
keep(_, _, _, State) -> State.
