%% The worker of Erlang and Elixir: loads one function and answers its calls (runtimes/CONTRACT.md).
%%
%% This process reads the frames and knows the calls. Each call is a process of trivet_call, which runs the handler in one more, so that calls run beside each other, one that
%% hangs can be killed, and nothing that a handler does reaches this one. What is printed becomes LOG frames (trivet_io): they leave on the same pipe as the REPLY, before it.
-module(trivet_worker).
-export([start/1]).
-include("trivet.hrl").

-define(RETIRED_MAX, 64).       % calls that are over and whose process may still be printed through, before somebody looks
-record(state, {port, reader, language, load, calls = #{}, retired = [], retired_count = 0, sweep_at = ?RETIRED_MAX, ending = false}).

start([Language]) ->
    spawn(fun() ->
        register(trivet_worker, self()),
        try run(Language)
        catch Class:Reason:Stack ->
            io:format(standard_error, "the worker failed: ~ts: ~0tp~n~0tp~n", [Class, Reason, Stack]),
            erlang:halt(1)
        end
    end).

run(Language) ->
    IsSpare = os:getenv("TRIVET_SPARE") =/= false,
    os:unsetenv("TRIVET_SPARE"),
    process_flag(priority, high),
    code:del_path("."),
    trivet_io:take_over(),
    trivet_logger:install(frames),
    Port = trivet_frames:open(),
    if Language =:= elixir -> trivet_elixir:start(); true -> ok end,
    if IsSpare -> trivet_spare:warm_up(Language); true -> ok end,
    Version = list_to_binary(erlang:system_info(otp_release)),
    trivet_frames:send(hello, 0, trivet_json:encode(#{protocol => 1, runtime => Language, version => Version, concurrency => 0, features => [cancel, stream]})),
    loop(#state{port = Port, reader = trivet_frames:reader(), language = Language}).

loop(#state{port = Port} = State) ->
    receive
        {Port, {data, Bytes}} ->
            {Frames, Reader} = trivet_frames:feed(Bytes, State#state.reader),
            loop(lists:foldl(fun frame/2, State#state{reader = Reader}, Frames));
        {ended, Id, Process} -> loop(ended(Id, Process, State));
        {Port, eof} -> loop(end_when_idle(State#state{ending = true}));
        {'EXIT', Port, _} -> erlang:halt(1);
        _ -> loop(State)
    end.

frame({call, More, Id, Meta, Body}, #state{load = Load, calls = Calls} = State) ->
    State#state{calls = Calls#{Id => trivet_call:start(Id, Meta, Body, More, Load)}};
frame({chunk, More, Id, _, Body}, State) -> tell(Id, {chunk, Body, More}, State);
frame({cancel, _, Id, _, _}, State) -> tell(Id, cancel, State);
frame({credit, _, Id, Meta, _}, State) -> tell(Id, {credit, maps:get(<<"bytes">>, trivet_json:decode(Meta), 0)}, State);
frame({answer, _, Id, Meta, Body}, State) -> tell(Id, {answer, trivet_json:decode(Meta), Body}, State);
frame({ping, _, _, _, Body}, State) -> trivet_frames:send(pong, 0, <<>>, Body), State;
frame({drain, _, _, _, _}, State) -> end_when_idle(State#state{ending = true});
frame({load, _, _, Meta, _}, State) -> load(trivet_json:decode(Meta), State);
frame({unknown, _, _, _, _}, State) -> State.

tell(Id, Message, #state{calls = Calls} = State) ->
    case Calls of
        #{Id := Process} -> Process ! Message;
        _ -> over
    end,
    State.

%% A process that a handler started may print after the call: the process of the call stays until nobody prints through it.
ended(Id, Process, #state{calls = Calls, retired = Retired, retired_count = Count, sweep_at = Limit} = State) ->
    Next = State#state{calls = maps:remove(Id, Calls), retired = [Process | Retired], retired_count = Count + 1},
    end_when_idle(if Count + 1 < Limit -> Next; true -> sweep(Next) end).

sweep(#state{retired = Retired} = State) ->
    Used = leaders(processes(), #{}, #{}),
    {Needed, Idle} = lists:partition(fun(Each) -> is_map_key(Each, Used) end, Retired),
    [Each ! stop || Each <- Idle],
    State#state{retired = Needed, retired_count = length(Needed), sweep_at = ?RETIRED_MAX + 2 * length(Needed)}.

%% The group leaders of all processes but those that lead themselves, as that of every call does. One that ended while we looked may have started others: those are looked at too.
leaders(Processes, Seen, Used) ->
    Told = [{Each, process_info(Each, group_leader)} || Each <- Processes, not is_map_key(Each, Seen)],
    NowUsed = lists:foldl(fun({Each, {_, Leader}}, All) when Leader =/= Each -> All#{Leader => true}; (_, All) -> All end, Used, Told),
    case lists:keymember(undefined, 2, Told) of
        true -> leaders(processes(), maps:merge(Seen, maps:from_keys(Processes, true)), NowUsed);
        false -> NowUsed
    end.

end_when_idle(#state{ending = true, calls = Calls}) when map_size(Calls) =:= 0 -> erlang:halt(0);
end_when_idle(State) -> State.

%% ------------------------------------------------------------------ what LOAD brings

load(#{<<"dir">> := Folder, <<"env">> := Env, <<"interface">> := Interface} = Facts, State) ->
    [os:putenv(binary_to_list(Name), unicode:characters_to_list(Value)) || {Name, Value} <- maps:to_list(Env)],
    ok = file:set_cwd(Folder),
    if Interface =:= <<"stdio">> -> trivet_program:become(State#state.language, Facts); true -> ok end,
    Load = #load{function = maps:get(<<"function">>, Facts), env = Env, max_frame = maps:get(<<"max_frame">>, Facts), credit = maps:get(<<"credit">>, Facts),
                 null = case State#state.language of elixir -> nil; erlang -> null end, face = trivet_loader:face(Interface)},
    %% User code is loaded in a process of its own: it may start others, link to them, and fail.
    {Loader, Monitor} = spawn_monitor(fun() -> exit({loaded, trivet_loader:load(State#state.language, Facts)}) end),
    receive
        {'DOWN', Monitor, process, Loader, {loaded, {ok, Handler}}} ->
            trivet_frames:send(ready, 0),
            State#state{load = Load#load{handler = Handler}, reader = trivet_frames:limit(Load#load.max_frame, State#state.reader)};
        {'DOWN', Monitor, process, Loader, {loaded, {error, What}}} -> refuse(What);
        {'DOWN', Monitor, process, Loader, Reason} -> refuse(trivet_fault:describe(State#state.language, exit, Reason, []))
    end.

refuse(What) ->
    trivet_frames:send(error, 0, trivet_json:encode(What#{code => <<"LOAD_FAILED">>})),
    erlang:halt(1).
